//! `tables/*.tex`: tables for papers, with booktabs.

use crate::table::Table;

/// A `tabular` with booktabs' rules; `about` is a comment above it.
pub(crate) fn tabular(table: &Table, about: &str) -> String {
    let columns = "l".repeat(table.words) + &"r".repeat(table.header.len().saturating_sub(table.words));
    let row = |cells: &[String]| cells.iter().map(|c| escape(c)).collect::<Vec<_>>().join(" & ") + " \\\\\n";
    let comment: String = about.lines().map(|line| format!("% {line}\n")).collect();
    format!(
        "{comment}% \\usepackage{{booktabs}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n{}\\midrule\n{}\\bottomrule\n\\end{{tabular}}\n",
        row(&table.header),
        table.rows.iter().map(|r| row(r)).collect::<String>()
    )
}

/// The text with LaTeX's special characters escaped.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', c]),
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '<' => out.push_str("\\textless{}"),
            '>' => out.push_str("\\textgreater{}"),
            '±' => out.push_str("$\\pm$"),
            '−' => out.push_str("$-$"),
            '×' => out.push_str("$\\times$"),
            '→' => out.push_str("$\\rightarrow$"),
            '≥' => out.push_str("$\\geq$"),
            '†' => out.push_str("\\dag{}"),
            '–' => out.push_str("--"),
            '…' => out.push_str("\\ldots{}"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_compiles_with_any_name() {
        let table = Table {
            header: vec!["attack".into(), "success (%)".into()],
            rows: vec![vec!["a_b & {c}\\d".into(), "−98.7 ± 1.2".into()]],
            words: 1,
        };
        assert_eq!(
            tabular(&table, "two\nlines"),
            "% two\n% lines\n% \\usepackage{booktabs}\n\\begin{tabular}{lr}\n\\toprule\nattack & success (\\%) \\\\\n\
             \\midrule\na\\_b \\& \\{c\\}\\textbackslash{}d & $-$98.7 $\\pm$ 1.2 \\\\\n\\bottomrule\n\\end{tabular}\n"
        );
    }
}
