//! The rows of the tables of operations, read from their sources: what the fixture must have.

use std::fs;
use std::path::Path;

/// Tables of which one operation of each form stands for all: their other rows are of the same forms.
const SAMPLED: [(&str, &[&str]); 16] = [
    ("altp2m", &[]),
    ("argo_op", &[]),
    ("callback_op", &[]),
    ("dm_op", &["modified_memory"]),
    ("hypfs_op", &[]),
    ("kexec_op", &[]),
    ("mca", &[]),
    ("mmuext_op", &[]),
    ("multicall", &[]),
    ("nmi_op", &[]),
    ("platform_op", &["settime64", "read_memtype", "resource_op"]),
    ("pv", &["get_debugreg"]),
    ("timer", &["set_timer_op"]),
    ("vm_assist", &["enable"]),
    ("xenpmu_op", &[]),
    ("xsm_op", &["getbool_by_name"]),
];

/// An operation.
pub(crate) struct Row {
    /// The file's name, which is the module's.
    pub(crate) table: String,
    pub(crate) name: String,
    /// The architectures that have it; none means all.
    on: Vec<String>,
}

impl Row {
    /// Whether an architecture has it that tables call by these names.
    pub(crate) fn is_on(&self, names: &[&str]) -> bool {
        self.on.is_empty() || self.on.iter().any(|on| names.contains(&on.as_str()))
    }
}

/// Every row of every table, or of a table that is sampled those that stand for others.
pub(crate) fn rows() -> impl Iterator<Item = Row> {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../xen-ops/src/hypercall");
    let files = tables.read_dir().expect("the workspace is whole");
    let rows = files.flat_map(|file| {
        let path = file.expect("the workspace is whole").path();
        // A directory has what is beside a table.
        if path.is_dir() {
            return Vec::new();
        }
        let table = path.file_stem().expect("it is a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("the workspace is whole");
        let (_, rows) = text.split_once("\nhypercalls! {\n").unwrap_or_default();
        rows.lines().filter_map(|line| row(&table, line)).collect::<Vec<_>>()
    });
    let rows = rows.collect::<Vec<_>>();
    assert!(rows.len() > 100, "only {} rows: are the tables elsewhere now?", rows.len());
    rows.into_iter().filter(is_looked_at)
}

fn is_looked_at(row: &Row) -> bool {
    let sampled = SAMPLED.iter().find(|(table, _)| row.table == *table);
    sampled.is_none_or(|(_, names)| names.contains(&row.name.as_str()))
}

/// The row that begins on a line.
fn row(table: &str, line: &str) -> Option<Row> {
    let mut words = line.strip_prefix("    ")?.split_whitespace().peekable();
    words.next_if_eq(&"unsafe");
    if !matches!(words.next()?, "single" | "batch" | "call") {
        return None;
    }
    let name = words.next()?.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
    let on = words
        .skip_while(|word| *word != "on")
        .skip(1)
        .map_while(|word| word.chars().next().filter(|c| c.is_alphabetic()).map(|_| word))
        .map(|word| word.trim_end_matches(',').to_owned())
        .collect();
    // The same form as `initialise`.
    if name == "initialise_hvm" {
        return None;
    }
    Some(Row { table: table.to_owned(), name: name.to_owned(), on })
}
