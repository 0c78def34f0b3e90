//! Text of at most a hundred columns.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table, TableComponent};

/// No line is longer.
pub const COLUMNS: usize = 100;

/// Lines that follow each other.
#[derive(Debug, Default)]
pub struct Paper(String);

impl Paper {
    pub fn heading(&mut self, text: &str) {
        let line = "─".repeat(text.chars().count());
        let before = self.0.trim_end().len();
        self.0.truncate(before);
        self.0.push_str(&format!("\n\n\n{text}\n{line}\n"));
    }

    pub fn blank(&mut self) {
        self.0.push('\n');
    }

    /// A paragraph: the first line begins with `first`, the next are indented as far.
    pub fn paragraph(&mut self, first: &str, text: &str) {
        let indent = first.chars().count();
        let mut line = first.to_owned();
        let mut empty = true;
        for word in text.split_whitespace() {
            let length = line.chars().count() + usize::from(!empty) + word.chars().count();
            if !empty && length > COLUMNS {
                self.0.push_str(line.trim_end());
                self.0.push('\n');
                line = " ".repeat(indent);
                empty = true;
            }
            if !empty {
                line.push(' ');
            }
            line.push_str(word);
            empty = false;
        }
        self.0.push_str(line.trim_end());
        self.0.push('\n');
    }

    /// A line as it is, such as a command to copy.
    pub fn line(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    pub fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let mut table = Table::new();
        table.load_preset(NOTHING).set_header(columns);
        table.set_style(TableComponent::HeaderLines, '─');
        table.set_style(TableComponent::MiddleHeaderIntersections, '─');
        table.set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(u16::try_from(COLUMNS).unwrap_or(u16::MAX));
        for row in rows {
            table.add_row(row);
        }
        // The preset pads the last column to the edge.
        let text = table.to_string();
        text.lines().for_each(|line| self.line(line.trim_end()));
    }

    pub fn text(self) -> String {
        self.0.trim_matches('\n').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_wrap_under_their_first_word() {
        let mut paper = Paper::default();
        paper.paragraph("20:05  ", &"woord ".repeat(40));
        let text = paper.text();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines[0].starts_with("20:05  woord"));
        assert!(lines[1].starts_with("       woord"));
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS));
    }
}
