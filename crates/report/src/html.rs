//! `report.html`: everything on one page that needs nothing but itself.

use std::fmt::Write;

use crate::figures::canvas::{REGULAR, SEMIBOLD, base64};
use crate::figures::{Album, Figure};
use crate::study::Study;
use crate::table::{self, Table};
use crate::words;

/// More rows than this are left to `summary.csv`.
const ROWS: usize = 300;

const CSS: &str = "\
:root{color-scheme:light}\
body{margin:0 auto;max-width:1000px;padding:28px 24px 60px;background:#fff;color:#1b1f24;\
font:16px/1.5 Inter,Helvetica,Arial,sans-serif}\
h1{font-size:28px;line-height:1.25;margin:0 0 6px}h2{font-size:20px;margin:44px 0 10px}\
p{margin:8px 0}.quiet{color:#5b636d}\
figure{margin:22px 0 34px}figure svg{display:block;max-width:100%;height:auto;margin-left:-18px}\
figcaption{color:#5b636d;font-size:14.5px;max-width:760px;margin-top:6px}\
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:14px;line-height:1.35;margin:10px 0;\
font-variant-numeric:tabular-nums}\
th,td{padding:5px 14px 5px 0;text-align:left;vertical-align:top;border-bottom:1px solid #e6e8eb}\
th{font-weight:600;border-bottom:1.5px solid #5b636d;vertical-align:bottom}\
.num{text-align:right;white-space:nowrap}th.num{white-space:normal}td.error{white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;font-size:13px}\
pre{background:#f6f7f8;border:1px solid #e6e8eb;padding:12px 14px;overflow-x:auto;font-size:13.5px;line-height:1.45}\
code{font-size:.93em}a{color:#0072b2}\
.met{color:#00724f;font-weight:600}.missed{color:#b34f00;font-weight:600}\
@media print{body{max-width:none;padding:0}figure,tr{break-inside:avoid}h2{break-after:avoid}.scroll{overflow:visible}\
pre{white-space:pre-wrap}}";

/// The text as HTML or XML text or attribute.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Control characters are not allowed in XML, and terminals colour error texts with them.
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// The page.
pub(crate) fn page(study: &Study, album: &Album) -> String {
    let mut out = String::new();
    let title = escape(&study.about);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n\
         @font-face{{font-family:Inter;font-weight:400;src:url(data:font/otf;base64,{}) format('opentype')}}\n\
         @font-face{{font-family:Inter;font-weight:600 700;src:url(data:font/otf;base64,{}) format('opentype')}}\n\
         {CSS}\n</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"quiet\">{}</p>\n",
        base64(REGULAR),
        base64(SEMIBOLD),
        escape(&words::lead(study))
    );
    if let Some(table) = table::claims(study) {
        section(&mut out, "Claims", "", &dress(&table, Dress::Claims));
    }
    if let Some(table) = table::failed(study) {
        let words = "They are missing from every number below; a rerun tries them again.";
        section(&mut out, "Failed cells", words, &cut(table, Dress::Errors));
    }
    let shown: Vec<&Figure> = album.figures.iter().filter(|f| f.shown).collect();
    if !shown.is_empty() {
        section(&mut out, "Figures", "", &shown.iter().map(|f| figure(f)).collect::<String>());
    }
    if !study.points.is_empty() {
        section(&mut out, "Results", &words::numbers(study), &cut(table::results(study), Dress::Plain));
    }
    if let Some(table) = table::attacks(study) {
        section(&mut out, "What the attacks change", "", &cut(table, Dress::Plain));
    }
    if let Some(table) = table::filters(study) {
        section(&mut out, "Filters and detectors", "", &cut(table, Dress::Plain));
    }
    if let Some(table) = table::controls(study) {
        section(&mut out, "Control arms", words::CONTROLS, &cut(table, Dress::Plain));
    }
    if let Some(table) = table::federations(study) {
        section(&mut out, "Federations", words::FEDERATIONS, &cut(table, Dress::Plain));
    }
    if let Some(table) = table::streams(study) {
        section(&mut out, "Streams", words::STREAMS, &cut(table, Dress::Plain));
    }
    if let Some(table) = table::certificates(study) {
        section(&mut out, "Certificates", words::CERTIFICATES, &cut(table, Dress::Plain));
    }
    if !study.rows.is_empty() {
        let scope = words::scope(study).unwrap_or_default();
        section(&mut out, "What the metrics mean", &scope, &dress(&table::metrics(study), Dress::Plain));
    }
    section(&mut out, "How to repeat it", "", &repeat(study));
    if !album.skipped.is_empty() {
        let items =
            album.skipped.iter().map(|s| format!("<li>{}: {}</li>\n", escape(&s.what), escape(&s.why)));
        section(
            &mut out,
            "Not drawn",
            "",
            &format!("<ul class=\"quiet\">\n{}</ul>\n", items.collect::<String>()),
        );
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn section(out: &mut String, heading: &str, words: &str, body: &str) {
    let _ = write!(out, "<section>\n<h2>{}</h2>\n", escape(heading));
    if !words.is_empty() {
        let _ = writeln!(out, "<p class=\"quiet\">{}</p>", escape(words));
    }
    let _ = writeln!(out, "{body}</section>");
}

fn figure(figure: &Figure) -> String {
    let name = escape(&figure.name);
    let reading =
        if figure.reading.is_empty() { String::new() } else { format!("{} ", escape(&figure.reading)) };
    format!(
        "<figure id=\"{name}\">\n{}<figcaption>{reading}<a href=\"figures/{name}.svg\">SVG</a> \
         <a href=\"figures/{name}.png\">PNG</a></figcaption>\n</figure>\n",
        figure.svg
    )
}

#[derive(Clone, Copy, PartialEq)]
enum Dress {
    Plain,
    Errors,
    Claims,
}

fn cut(table: Table, how: Dress) -> String {
    let (table, more) = table.cut(ROWS);
    let mut out = dress(&table, how);
    if more > 0 {
        let _ = writeln!(out, "<p class=\"quiet\">+{more} more in summary.csv and cells.csv.</p>");
    }
    out
}

fn dress(table: &Table, how: Dress) -> String {
    let class = |i: usize| {
        if i >= table.words { " class=\"num\"" } else { "" }
    };
    let mut out = String::from("<div class=\"scroll\"><table>\n<thead><tr>");
    for (i, cell) in table.header.iter().enumerate() {
        let _ = write!(out, "<th{}>{}</th>", class(i), escape(cell));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let verdict = how == Dress::Claims && table.header[i] == "verdict";
            let class = match how {
                Dress::Errors if table.header[i] == "error" => " class=\"error\"",
                _ if verdict && cell == "missed" => " class=\"missed\"",
                _ if verdict && cell == "met" => " class=\"met\"",
                _ => class(i),
            };
            let _ = write!(out, "<td{class}>{}</td>", escape(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table></div>\n");
    out
}

fn repeat(study: &Study) -> String {
    let mut out = format!("<pre>{}</pre>\n", escape(words::REPEAT));
    if !study.provenance.is_empty() {
        let rows = study.provenance.iter().map(|(k, v)| vec![k.clone(), v.clone()]).collect();
        let header = vec!["computed with".to_owned(), String::new()];
        out.push_str(&dress(&Table { header, rows, words: 2 }, Dress::Plain));
    }
    if let Some(toml) = &study.toml {
        let _ =
            write!(out, "<p><code>experiment.toml</code>, as it was run:</p>\n<pre>{}</pre>\n", escape(toml));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_slips_through_the_escape() {
        assert_eq!(
            escape("<script>\"a\" & 'b'\u{1b}[31m\n"),
            "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;\u{fffd}[31m\n"
        );
    }
}
