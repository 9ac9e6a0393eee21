//! Plots as SVG text: bars with their spread, and lines on logarithmic axes.
//!
//! Each plot carries its own background and follows the reader's light or dark preference as a whole,
//! so that text is readable on any page. Knows nothing of brokers or scenarios: it draws numbers.

use std::fmt::Write as _;

/// A figure over the repeats of one run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// One bar of a panel.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// A colour class of the style sheet: `a` to `d`.
    pub(crate) class: &'static str,
    pub(crate) value: Spread,
}

/// Bars that share a scale.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) bars: Vec<Bar>,
}

/// One line of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) class: &'static str,
    pub(crate) points: Vec<(f64, Spread)>,
}

/// Lines over a logarithmic x axis and a logarithmic y axis.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x_title: String,
    pub(crate) y_title: String,
    /// Places on the x axis that carry a label.
    pub(crate) x_ticks: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line>,
}

const STYLE: &str = "
.bg{fill:#ffffff;stroke:#d0d7de}
text{font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif;fill:#1f2328}
.h{font-size:17px;font-weight:600}
.t{font-size:13px;font-weight:600}
.l{font-size:12px}
.m{font-size:12px;fill:#59636e}
.e{text-anchor:end}.c{text-anchor:middle}
.grid{stroke:#d8dee4;stroke-width:1}
.whisker{stroke:#1f2328;stroke-width:1.5;stroke-opacity:.75}
.fa{fill:#c2570c}.fb{fill:#2563eb}.fc{fill:#8b949e}.fd{fill:#1a7f5a}
.sa{stroke:#c2570c}.sb{stroke:#2563eb}.sc{stroke:#8b949e}.sd{stroke:#1a7f5a}
.line{fill:none;stroke-width:2.5;stroke-linejoin:round}
.band{fill-opacity:.15}
@media (prefers-color-scheme:dark){
.bg{fill:#0d1117;stroke:#3d444d}
text{fill:#f0f6fc}.m{fill:#9198a1}
.grid{stroke:#2f353d}
.whisker{stroke:#f0f6fc}
.fa{fill:#f0883e}.fb{fill:#58a6ff}.fc{fill:#848d97}.fd{fill:#3fb98a}
.sa{stroke:#f0883e}.sb{stroke:#58a6ff}.sc{stroke:#848d97}.sd{stroke:#3fb98a}
}
";

/// Panels of horizontal bars, `columns` beside each other. The whisker is minimum to maximum.
pub(crate) fn bars(title: &str, subtitle: &str, panels: &[Panel], columns: usize) -> String {
    const WIDTH: f64 = 900.0;
    const MARGIN: f64 = 24.0;
    const ROW: f64 = 26.0;
    const GAP: f64 = 36.0;
    let columns = columns.max(1);
    let inner = (WIDTH - 2.0 * MARGIN - GAP * float(columns - 1)) / float(columns);
    let tallest = panels.iter().map(|panel| panel.bars.len()).max().unwrap_or(0);
    let panel_height = 34.0 + ROW * float(tallest) + 16.0;
    let rows = panels.len().div_ceil(columns);
    let height = 74.0 + panel_height * float(rows) + 6.0;
    let mut svg = open(title, WIDTH, height);
    text(&mut svg, "h", MARGIN, 34.0, title);
    text(&mut svg, "m", MARGIN, 54.0, subtitle);
    for (index, panel) in panels.iter().enumerate() {
        let left = MARGIN + float(index % columns) * (inner + GAP);
        let top = 74.0 + float(index / columns) * panel_height;
        draw_panel(&mut svg, panel, left, top, inner, ROW);
    }
    close(svg)
}

fn draw_panel(svg: &mut String, panel: &Panel, left: f64, top: f64, width: f64, row: f64) {
    const NAMES: f64 = 58.0;
    const VALUES: f64 = 62.0;
    text(svg, "t", left, top + 14.0, &panel.title);
    text(svg, "m e", left + width, top + 14.0, &panel.unit);
    let longest = panel.bars.iter().map(|bar| bar.value.max).fold(0.0, f64::max);
    let room = width - NAMES - VALUES;
    let scale = if longest > 0.0 { room / longest } else { 0.0 };
    line(
        svg,
        "grid",
        (left + NAMES, top + 24.0),
        (left + NAMES, top + 28.0 + row * float(panel.bars.len())),
    );
    for (index, bar) in panel.bars.iter().enumerate() {
        let y = top + 28.0 + row * float(index);
        let middle = y + row / 2.0 - 2.0;
        text(svg, "l e", left + NAMES - 8.0, middle + 4.0, &bar.name);
        // A bar of nearly nothing is still drawn as something.
        let long = (bar.value.median * scale).max(1.5);
        let _ = writeln!(
            svg,
            "<rect class=\"f{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{long:.1}\" height=\"{:.1}\" rx=\"2\"/>",
            bar.class,
            left + NAMES,
            y,
            row - 6.0
        );
        let (from, to) =
            (left + NAMES + bar.value.min * scale, left + NAMES + bar.value.max * scale);
        if to - from > 2.0 {
            line(svg, "whisker", (from, middle), (to, middle));
            line(svg, "whisker", (from, middle - 4.0), (from, middle + 4.0));
            line(svg, "whisker", (to, middle - 4.0), (to, middle + 4.0));
        }
        let after = (left + NAMES + long).max(to) + 7.0;
        text(svg, "l", after, middle + 4.0, &short(bar.value.median));
    }
}

/// Charts below each other, all with the same frame.
pub(crate) fn lines(title: &str, subtitle: &str, charts: &[Chart]) -> String {
    const WIDTH: f64 = 900.0;
    const EACH: f64 = 380.0;
    let height = 70.0 + EACH * float(charts.len());
    let mut svg = open(title, WIDTH, height);
    text(&mut svg, "h", 24.0, 34.0, title);
    text(&mut svg, "m", 24.0, 54.0, subtitle);
    for (index, chart) in charts.iter().enumerate() {
        draw_chart(&mut svg, chart, 70.0 + EACH * float(index));
    }
    close(svg)
}

/// A logarithmic axis: values to places.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let share = (value.max(self.low).ln() - self.low.ln()) / (self.high.ln() - self.low.ln());
        self.from + share * (self.to - self.from)
    }
}

fn draw_chart(svg: &mut String, chart: &Chart, top: f64) {
    let (left, right, upper, lower) = (78.0, 800.0, top + 40.0, top + 320.0);
    let ys = chart.lines.iter().flat_map(|line| line.points.iter());
    let positive = |value: f64| value > 0.0;
    let smallest = ys.clone().map(|(_, y)| y.min).filter(|y| positive(*y)).fold(f64::MAX, f64::min);
    let largest = ys.map(|(_, y)| y.max).fold(0.0, f64::max);
    if smallest > largest {
        return;
    }
    let x_low = chart.x_ticks.iter().map(|tick| tick.0).fold(f64::MAX, f64::min);
    let x_high = chart.x_ticks.iter().map(|tick| tick.0).fold(0.0, f64::max);
    let x = Axis { low: x_low, high: x_high, from: left, to: right };
    let y = Axis { low: smallest * 0.8, high: largest * 1.25, from: lower, to: upper };
    text(svg, "t", 24.0, top + 18.0, &chart.title);
    text(svg, "m", 24.0, top + 34.0, &chart.y_title);
    for tick in steps(y.low, y.high) {
        let at = y.place(tick);
        line(svg, "grid", (left, at), (right, at));
        text(svg, "m e", left - 8.0, at + 4.0, &short(tick));
    }
    for (value, label) in &chart.x_ticks {
        let at = x.place(*value);
        line(svg, "grid", (at, upper), (at, lower));
        text(svg, "m c", at, lower + 18.0, label);
    }
    text(svg, "m c", (left + right) / 2.0, lower + 38.0, &chart.x_title);
    let mut ends: Vec<(f64, &Line)> = Vec::new();
    for one in &chart.lines {
        let Some(last) = one.points.last() else { continue };
        ends.push((y.place(last.1.median), one));
        let upper_edge = one.points.iter().map(|(at, value)| (x.place(*at), y.place(value.max)));
        let lower_edge =
            one.points.iter().rev().map(|(at, value)| (x.place(*at), y.place(value.min)));
        let band: Vec<(f64, f64)> = upper_edge.chain(lower_edge).collect();
        let _ =
            writeln!(svg, "<polygon class=\"band f{}\" points=\"{}\"/>", one.class, joined(&band));
        let middle: Vec<(f64, f64)> =
            one.points.iter().map(|(at, value)| (x.place(*at), y.place(value.median))).collect();
        let _ = writeln!(
            svg,
            "<polyline class=\"line s{}\" points=\"{}\"/>",
            one.class,
            joined(&middle)
        );
        for (at, value) in middle {
            let _ = writeln!(
                svg,
                "<circle class=\"f{}\" cx=\"{at:.1}\" cy=\"{value:.1}\" r=\"3.5\"/>",
                one.class
            );
        }
    }
    // Names at the ends of their lines, pushed apart where lines meet.
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut free = f64::MIN;
    for (at, one) in ends {
        let at = at.max(free);
        free = at + 15.0;
        text(svg, "l", right + 28.0, at + 4.0, &one.name);
        let _ = writeln!(
            svg,
            "<rect class=\"f{}\" x=\"{:.1}\" y=\"{:.1}\" width=\"10\" height=\"10\" rx=\"2\"/>",
            one.class,
            right + 12.0,
            at - 5.0
        );
    }
}

/// 1, 2, 5, 10 … between two values; only powers of ten when the range is wide.
fn steps(low: f64, high: f64) -> Vec<f64> {
    let wide = high / low > 100.0;
    let mut found = Vec::new();
    let mut power = 10f64.powf(low.log10().floor());
    while power <= high {
        for factor in if wide { &[1.0][..] } else { &[1.0, 2.0, 5.0][..] } {
            let value = power * factor;
            if value >= low && value <= high {
                found.push(value);
            }
        }
        power *= 10.0;
    }
    found
}

/// A number for people: three digits that mean something, and thousands apart.
pub(crate) fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 1000.0 {
        let digits = format!("{value:.0}");
        let (sign, digits) =
            digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index) % 3 == 0 {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        return format!("{sign}{grouped}");
    }
    let places = match size {
        _ if size >= 100.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 || size == 0.0 => 2,
        _ => 3,
    };
    let text = format!("{value:.places$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

fn open(title: &str, width: f64, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n\
         <style>{STYLE}</style>\n<rect class=\"bg\" x=\".5\" y=\".5\" width=\"{:.0}\" \
         height=\"{:.0}\" rx=\"8\"/>\n",
        escaped(title),
        width - 1.0,
        height - 1.0
    )
}

fn close(mut svg: String) -> String {
    svg.push_str("</svg>\n");
    svg
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, words: &str) {
    let words = escaped(words);
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>");
}

fn line(svg: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

fn joined(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A count as a coordinate.
fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let cases = [
            (0.0, "0"),
            (0.0312, "0.031"),
            (1.0, "1"),
            (3.456, "3.46"),
            (12.34, "12.3"),
            (380.4, "380"),
            (1234.0, "1,234"),
            (12_345_678.0, "12,345,678"),
        ];
        for (value, expected) in cases {
            assert_eq!(short(value), expected);
        }
    }

    #[test]
    fn ticks_lie_in_the_range() {
        assert_eq!(steps(0.9, 12.0), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(steps(1.0, 1000.0), [1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn a_plot_is_well_formed() {
        let value = Spread { median: 2.0, min: 1.0, max: 3.0 };
        let bar = Bar { name: "A <b>".to_owned(), class: "a", value };
        let panel =
            Panel { title: "one & two".to_owned(), unit: "µs".to_owned(), bars: vec![bar] };
        let svg = bars("title", "subtitle", &[panel], 2);
        assert!(svg.contains("A &lt;b&gt;") && svg.contains("one &amp; two"));
        assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
        let points = vec![(1.0, value), (10.0, value)];
        let line = Line { name: "x".to_owned(), class: "b", points };
        let ticks = vec![(1.0, "1".to_owned()), (10.0, "10".to_owned())];
        let chart = Chart {
            title: "c".to_owned(),
            x_title: "x".to_owned(),
            y_title: "y".to_owned(),
            x_ticks: ticks,
            lines: vec![line],
        };
        assert!(!lines("title", "subtitle", &[chart]).contains("NaN"));
    }
}
