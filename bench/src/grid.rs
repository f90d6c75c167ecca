//! A table that reads well on a terminal, and is one in Markdown.

/// Cells by row; the first row is the head.
#[derive(Clone, Debug, Default)]
pub(crate) struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new<S: Into<String>>(head: impl IntoIterator<Item = S>) -> Grid {
        Grid { rows: vec![head.into_iter().map(Into::into).collect()] }
    }

    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub(crate) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let cell = |column: usize| {
                let text = row.get(column).map_or("", String::as_str);
                let width = widths[column];
                // Names stand at the left, figures at the right.
                if column == 0 { format!("{text:<width$}") } else { format!("{text:>width$}") }
            };
            let cells: Vec<String> = (0..columns).map(cell).collect();
            out += &format!("| {} |\n", cells.join(" | "));
            if index == 0 {
                let line = |(column, width): (usize, &usize)| match column {
                    0 => "-".repeat(*width + 2),
                    _ => "-".repeat(*width + 1) + ":",
                };
                let lines: Vec<String> = widths.iter().enumerate().map(line).collect();
                out += &format!("|{}|\n", lines.join("|"));
            }
        }
        out
    }
}

/// A figure in a cell: a line if there is none.
pub(crate) fn figure(value: f64, decimals: usize) -> String {
    if value.is_finite() { format!("{value:.decimals$}") } else { "–".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_rows_may_be_short() {
        let mut grid = Grid::new(["who", "p50 µs"]);
        grid.row(["floor", "1.5"]);
        grid.row(["n"]);
        let expected = "\
| who   | p50 µs |
|-------|-------:|
| floor |    1.5 |
| n     |        |
";
        assert_eq!(grid.text(), expected);
    }
}
