//! What a C compiler says the headers define: its debug information as plain data.
//!
//! It names every type of the translation unit by itself, so that nothing here has to know what to
//! ask for. Read from a linked file, whose debug sections hold no relocations.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use gimli::{AttributeValue, DebuggingInformationEntry, EndianSlice, LittleEndian, UnitOffset};
use object::{Object as _, ObjectSection as _};

use crate::Error;

/// Everything that the headers of a tree define.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    /// Tags and typedefs, in the compiler's order.
    pub types: Vec<Type>,
    /// Structures and unions with their members.
    pub records: Vec<Record>,
    /// The values of all enumerations, with a name or without.
    pub enumerators: Vec<Enumerator>,
}

/// A tag or a typedef.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Type {
    /// How C spells it: `struct foo`, `foo_t`.
    pub c: String,
    /// Header and line.
    pub place: String,
    /// Bytes, unless it is incomplete.
    pub size: Option<u64>,
}

/// A structure or union with a name, or one without that is the element of an array inside such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// How C spells the outermost one.
    pub c: String,
    /// The array's path there, or nothing for the outermost one itself.
    pub path: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Its members, followed through the levels that have no name.
    pub leaves: Vec<Leaf>,
}

/// A member whose type has a name, or is no structure or union.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Members joined by dots, anonymous levels left out.
    pub path: String,
    /// Where it lies.
    pub extent: Extent,
}

/// Where a member lies in its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Offset and size in bytes.
    Bytes(u64, Option<u64>),
    /// First bit and number of bits.
    Bits(u64, u64),
}

/// A value of an enumeration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enumerator {
    /// Its name.
    pub name: String,
    /// Its value, or nothing if the compiler does not give one.
    pub value: Option<i128>,
}

/// Reads what the headers below `root` define from the linked file `data`, a little-endian one.
pub fn read(data: &[u8], root: &Path) -> Result<Definitions, Error> {
    let file = object::File::parse(data)?;
    let dwarf = gimli::Dwarf::load(|id| {
        let section = file.section_by_name(id.name());
        let bytes = section.map_or(Ok(&[][..]), |section| section.data())?;
        Ok::<_, Error>(EndianSlice::new(bytes, LittleEndian))
    })?;
    let mut definitions = Definitions::default();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let unit = dwarf.unit(header)?;
        let unit = unit.unit_ref(&dwarf);
        let reader = Reader { unit, root, named: BTreeSet::new(), out: &mut definitions };
        reader.read()?;
    }
    Ok(definitions)
}

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Entry<'a> = DebuggingInformationEntry<'a, 'a, Slice<'a>>;

struct Reader<'a> {
    unit: gimli::UnitRef<'a, Slice<'a>>,
    root: &'a Path,
    /// The records without a tag that lie in another one or have a typedef.
    named: BTreeSet<UnitOffset>,
    out: &'a mut Definitions,
}

/// A level on the way down from a record with a name.
struct Level<'a> {
    c: &'a str,
    /// The path from there, and from the element of the innermost array.
    paths: [&'a str; 2],
    offset: u64,
}

impl<'a> Reader<'a> {
    fn read(mut self) -> Result<(), Error> {
        let entries = self.children(None)?;
        for entry in &entries {
            self.define(entry)?;
        }
        for entry in entries.iter().filter(|entry| is_record(entry)) {
            if self.name(entry)?.is_none() && !self.named.contains(&entry.offset()) {
                // Within nothing and without a typedef: for the caller to wonder at.
                self.define_type(entry, String::from("a record without a name"))?;
            }
        }
        Ok(())
    }

    fn define(&mut self, entry: &Entry<'a>) -> Result<(), Error> {
        let keyword = match entry.tag() {
            gimli::DW_TAG_structure_type => "struct ",
            gimli::DW_TAG_union_type => "union ",
            gimli::DW_TAG_enumeration_type => "enum ",
            gimli::DW_TAG_typedef => "",
            _ => return Ok(()),
        };
        if entry.attr(gimli::DW_AT_declaration)?.is_some() || self.place(entry)?.is_none() {
            return Ok(());
        }
        if entry.tag() == gimli::DW_TAG_enumeration_type {
            for value in self.children(Some(entry.offset()))? {
                let name = self.name(&value)?.unwrap_or_default();
                let value = value.attr_value(gimli::DW_AT_const_value)?.and_then(integer);
                self.out.enumerators.push(Enumerator { name, value });
            }
        }
        let Some(name) = self.name(entry)? else { return Ok(()) };
        let c = format!("{keyword}{name}");
        if is_record(entry) {
            self.record([&c, ""], entry)?;
        } else if let Some(target) = self.target(entry)? {
            // The first typedef of a record without a tag is its name.
            let unnamed = is_record(&target) && self.name(&target)?.is_none();
            if unnamed && !self.named.contains(&target.offset()) {
                self.record([&c, ""], &target)?;
            }
        }
        self.define_type(entry, c)
    }

    fn define_type(&mut self, entry: &Entry<'a>, c: String) -> Result<(), Error> {
        let place = self.place(entry)?.unwrap_or_default();
        let size = self.size(entry)?;
        self.out.types.push(Type { c, place, size });
        Ok(())
    }

    /// Adds the record `entry`, found at the path `path` in the one that C spells `c`.
    fn record(&mut self, [c, path]: [&str; 2], entry: &Entry<'a>) -> Result<(), Error> {
        let mut leaves = Vec::new();
        self.leaves(&Level { c, paths: [path, ""], offset: 0 }, entry, &mut leaves)?;
        let size = self.size(entry)?;
        self.out.records.push(Record { c: c.to_owned(), path: path.to_owned(), size, leaves });
        Ok(())
    }

    fn leaves(
        &mut self,
        level: &Level<'_>,
        record: &Entry<'a>,
        out: &mut Vec<Leaf>,
    ) -> Result<(), Error> {
        self.named.insert(record.offset());
        for member in self.children(Some(record.offset()))? {
            if member.tag() != gimli::DW_TAG_member {
                continue;
            }
            let name = self.name(&member)?;
            let [path, local] = level.paths.map(|path| joined(path, name.as_deref()));
            let number = |at| Ok::<_, Error>(member.attr_value(at)?.and_then(|v| v.udata_value()));
            let offset = level.offset + number(gimli::DW_AT_data_member_location)?.unwrap_or(0);
            if let Some(width) = number(gimli::DW_AT_bit_size)? {
                let first = number(gimli::DW_AT_data_bit_offset)?.unwrap_or(0);
                let extent = Extent::Bits(offset * 8 + first, width);
                out.push(Leaf { path: local, extent });
                continue;
            }
            let mut ty = self.target(&member)?;
            let is_array = ty.as_ref().is_some_and(|ty| ty.tag() == gimli::DW_TAG_array_type);
            while let Some(array) = ty.take_if(|ty| ty.tag() == gimli::DW_TAG_array_type) {
                ty = self.target(&array)?;
            }
            let mut unnamed = None;
            if let Some(ty) = ty.filter(is_record) {
                unnamed = self.name(&ty)?.is_none().then_some(ty);
            }
            match unnamed {
                Some(inner) if !is_array => {
                    let level = Level { c: level.c, paths: [&path, &local], offset };
                    self.leaves(&level, &inner, out)?;
                    continue;
                }
                Some(element) => self.record([level.c, &path], &element)?,
                None => {}
            }
            let size = self.size(&member)?;
            out.push(Leaf { path: local, extent: Extent::Bytes(offset, size) });
        }
        Ok(())
    }

    /// Bytes of the type `entry`, or of what it is a name, qualifier, array or member of.
    fn size(&self, entry: &Entry<'a>) -> Result<Option<u64>, Error> {
        if let Some(size) = entry.attr_value(gimli::DW_AT_byte_size)? {
            return Ok(size.udata_value());
        }
        let Some(target) = self.target(entry)? else { return Ok(None) };
        let Some(mut size) = self.size(&target)? else { return Ok(None) };
        if entry.tag() == gimli::DW_TAG_array_type {
            for range in self.children(Some(entry.offset()))? {
                let number =
                    |at| Ok::<_, Error>(range.attr_value(at)?.and_then(|v| v.udata_value()));
                let last = number(gimli::DW_AT_upper_bound)?;
                // A flexible array has neither.
                let length = number(gimli::DW_AT_count)?.or(last.map(|last| last + 1));
                size *= length.unwrap_or(0);
            }
        }
        Ok(Some(size))
    }

    fn children(&self, of: Option<UnitOffset>) -> Result<Vec<Entry<'a>>, Error> {
        let mut tree = self.unit.unit.entries_tree(of)?;
        let mut nodes = tree.root()?.children();
        let mut out = Vec::new();
        while let Some(node) = nodes.next()? {
            out.push(node.entry().clone());
        }
        Ok(out)
    }

    fn target(&self, entry: &Entry<'a>) -> Result<Option<Entry<'a>>, Error> {
        match entry.attr_value(gimli::DW_AT_type)? {
            Some(AttributeValue::UnitRef(offset)) => Ok(Some(self.unit.unit.entry(offset)?)),
            _ => Ok(None),
        }
    }

    fn name(&self, entry: &Entry<'a>) -> Result<Option<String>, Error> {
        let Some(name) = entry.attr_value(gimli::DW_AT_name)? else { return Ok(None) };
        Ok(Some(self.text(name)?))
    }

    fn text(&self, value: AttributeValue<Slice<'a>>) -> Result<String, Error> {
        Ok(self.unit.attr_string(value)?.to_string_lossy().into_owned())
    }

    /// Header and line, if it is one of the tree.
    fn place(&self, entry: &Entry<'a>) -> Result<Option<String>, Error> {
        let number = |at| Ok::<_, Error>(entry.attr_value(at)?.and_then(|v| v.udata_value()));
        let program = self.unit.line_program.as_ref().map(gimli::IncompleteLineProgram::header);
        let (Some(program), Some(index)) = (program, number(gimli::DW_AT_decl_file)?) else {
            return Ok(None);
        };
        let Some(file) = program.file(index) else { return Ok(None) };
        let mut path = PathBuf::new();
        if let Some(dir) = file.directory(program) {
            path.push(self.text(dir)?);
        }
        path.push(self.text(file.path_name())?);
        let line = number(gimli::DW_AT_decl_line)?.unwrap_or(0);
        let header = path.strip_prefix(self.root).ok();
        Ok(header.map(|header| format!("{}:{line}", header.display())))
    }
}

fn is_record(entry: &Entry<'_>) -> bool {
    matches!(entry.tag(), gimli::DW_TAG_structure_type | gimli::DW_TAG_union_type)
}

fn integer(value: AttributeValue<Slice<'_>>) -> Option<i128> {
    match value {
        AttributeValue::Sdata(value) => Some(value.into()),
        other => other.udata_value().map(i128::from),
    }
}

fn joined(path: &str, name: Option<&str>) -> String {
    match name {
        Some(name) if path.is_empty() => name.to_owned(),
        Some(name) => format!("{path}.{name}"),
        None => path.to_owned(),
    }
}
