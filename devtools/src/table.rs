//! Plain tables for standard output.

/// A table: the first column to the left, all others to the right.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.map(str::to_owned).to_vec()] }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, one line a row, a rule below the headings.
    #[must_use]
    pub fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let mut widths = vec![0; columns];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            if number == 1 {
                let rule = widths.iter().map(|width| "-".repeat(*width)).collect::<Vec<_>>();
                text += &(rule.join("  ") + "\n");
            }
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            text += cells.collect::<Vec<_>>().join("  ").trim_end();
            text.push('\n');
        }
        text
    }

    /// Prints the table to standard output.
    pub fn print(&self) {
        anstream::print!("{}", self.text());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["target", "none", "full"]);
        table.row(["a-long-target", "0.1", "12.0"].map(str::to_owned));
        table.row(["b", "10.0"].map(str::to_owned));
        let expected = "\
target         none  full
-------------  ----  ----
a-long-target   0.1  12.0
b              10.0
";
        assert_eq!(table.text(), expected);
    }
}
