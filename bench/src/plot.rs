//! Plots as SVG: lines over logarithmic or linear axes. A few rectangles and lines need no library.

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
/// Left, right, top, bottom.
const MARGIN: (f64, f64, f64, f64) = (80.0, 170.0, 40.0, 55.0);
const COLORS: [&str; 6] = ["#555555", "#d1495b", "#2e86ab", "#3a7d44", "#8e5ea2", "#e1812c"];

/// A figure with an axis each way, and a line for each series.
#[derive(Clone, Debug)]
pub(crate) struct Plot {
    /// The file's name without its ending.
    pub(crate) file: &'static str,
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<(String, Vec<(f64, f64)>)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    pub(crate) name: &'static str,
    pub(crate) logarithmic: bool,
}

/// Where values lie on an axis.
struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
}

impl Scale {
    fn of(axis: Axis, values: impl Iterator<Item = f64>) -> Scale {
        let values: Vec<f64> = values.filter(|it| it.is_finite()).collect();
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (low, high) = match (axis.logarithmic, low.is_finite()) {
            (_, false) => (1.0, 10.0),
            (true, _) => (low.max(1e-9), high.max(low * 1.001)),
            (false, _) => (0.0, (high * 1.05).max(1e-9)),
        };
        Scale { axis, low, high }
    }

    /// From 0 to 1.
    fn share(&self, value: f64) -> f64 {
        if self.axis.logarithmic {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Round values along the axis.
    fn ticks(&self) -> Vec<f64> {
        if self.axis.logarithmic {
            let decades = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
            let wide = decades.clone().count() > 4;
            let steps: &[f64] = if wide { &[1.0] } else { &[1.0, 2.0, 5.0] };
            let all =
                decades.flat_map(|decade| steps.iter().map(move |it| it * 10_f64.powi(decade)));
            all.filter(|it| (self.low * 0.999..=self.high * 1.001).contains(it)).collect()
        } else {
            let rough = self.high / 5.0;
            let decade = 10_f64.powf(rough.log10().floor());
            let step =
                [1.0, 2.0, 5.0, 10.0].map(|it| it * decade).into_iter().find(|it| *it >= rough);
            let step = step.unwrap_or(rough);
            (0..).map(|it| f64::from(it) * step).take_while(|it| *it <= self.high).collect()
        }
    }
}

impl Plot {
    pub(crate) fn svg(&self) -> String {
        let points = || self.series.iter().flat_map(|(_, points)| points.iter());
        let x = Scale::of(self.x, points().map(|it| it.0));
        let y = Scale::of(self.y, points().map(|it| it.1));
        let (left, right, top, bottom) = MARGIN;
        let at_x = |value| left + x.share(value) * (WIDTH - left - right);
        let at_y = |value| HEIGHT - bottom - y.share(value) * (HEIGHT - top - bottom);
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
             <text x=\"{left}\" y=\"22\" font-size=\"15\">{}</text>\n",
            escaped(self.title),
        );
        let (far_x, low_y) = (WIDTH - right, HEIGHT - bottom);
        for tick in x.ticks() {
            let at = at_x(tick);
            out += &format!(
                "<path d=\"M{at:.1} {top}V{low_y}\" stroke=\"#ddd\"/>\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                low_y + 18.0,
                number(tick),
            );
        }
        for tick in y.ticks() {
            let at = at_y(tick);
            out += &format!(
                "<path d=\"M{left} {at:.1}H{far_x}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n",
                left - 6.0,
                at + 4.0,
                number(tick),
            );
        }
        let middle = (left + far_x) / 2.0;
        out += &format!(
            "<text x=\"{middle}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(18 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
            HEIGHT - 14.0,
            escaped(self.x.name),
            (top + low_y) / 2.0,
            escaped(self.y.name),
        );
        for (index, (name, points)) in self.series.iter().enumerate() {
            let points: Vec<_> = points.iter().filter(|it| it.1.is_finite()).collect();
            let color = COLORS[index % COLORS.len()];
            let at = |(x, y): &&(f64, f64)| format!("{:.1},{:.1}", at_x(*x), at_y(*y));
            let line: Vec<String> = points.iter().map(at).collect();
            out += &format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n",
                line.join(" "),
            );
            for (x, y) in points {
                let (x, y) = (at_x(*x), at_y(*y));
                out += &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>\n");
            }
            let legend = top + 14.0 + 20.0 * index as f64;
            out += &format!(
                "<path d=\"M{} {legend}h20\" stroke=\"{color}\" stroke-width=\"2\"/>\
                 <text x=\"{}\" y=\"{}\">{}</text>\n",
                far_x + 12.0,
                far_x + 38.0,
                legend + 4.0,
                escaped(name),
            );
        }
        out + "</svg>\n"
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// 20000 is 20k.
fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        it if it >= 1e6 => format!("{}M", trimmed(it / 1e6)),
        it if it >= 1e4 => format!("{}k", trimmed(it / 1e3)),
        it => trimmed(it),
    }
}

fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_a_line_for_each_series() {
        let axis = |logarithmic| Axis { name: "a < b", logarithmic };
        let line = |name: &str| (name.to_owned(), vec![(1.0, 10.0), (64.0, 20_000.0)]);
        let series = vec![line("floor"), line("ours")];
        let plot = Plot { file: "f", title: "t", x: axis(true), y: axis(false), series };
        let svg = plot.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("20k") && svg.contains("a &lt; b"), "{svg}");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            ["0", "0.5", "500", "20k", "1.5M"],
            [0.0, 0.5, 500.0, 2e4, 1.5e6].map(number)[..]
        );
    }
}
