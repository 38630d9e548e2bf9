//! The table that `scripts/bench` prints: medians, ratios, and what the project asks of itself.

/// One figure. Texts are ready to print; "-" where there is nothing.
#[derive(Debug)]
pub struct Row {
    pub figure: String,
    pub ours: String,
    /// What it is compared with, by name.
    pub beside: String,
    pub ratio: String,
    pub asked: String,
    /// `None` where nothing is asked.
    pub holds: Option<bool>,
}

/// Rows as they are measured.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

/// The middle one; 0 when there is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// 1234567.8 → `1,234,568`.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

impl Row {
    /// A figure with nothing beside it and nothing asked.
    pub fn plain(figure: impl Into<String>, ours: impl Into<String>) -> Self {
        Row {
            figure: figure.into(),
            ours: ours.into(),
            beside: "-".into(),
            ratio: "-".into(),
            asked: "-".into(),
            holds: None,
        }
    }

    /// Ours over a peer's, at least `asked` (0: nothing asked). `Err`: why there is no peer.
    pub fn over(
        figure: impl Into<String>,
        ours: f64,
        peer: (&str, Result<f64, String>),
        asked: f64,
    ) -> Self {
        let mut row = Row::plain(figure, grouped(ours));
        if asked > 0.0 {
            row.asked = format!("≥ {asked}");
        }
        match peer.1 {
            Ok(rate) if rate > 0.0 => {
                row.beside = format!("{}: {}", peer.0, grouped(rate));
                row.ratio = format!("{:.2}", ours / rate);
                row.holds = (asked > 0.0).then_some(ours / rate >= asked);
            }
            Ok(_) => row.beside = format!("{}: - (nothing came back)", peer.0),
            Err(why) => row.beside = format!("{}: - ({why})", peer.0),
        }
        row
    }

    pub fn beside(mut self, text: impl Into<String>) -> Self {
        self.beside = text.into();
        self
    }

    pub fn asked(mut self, text: impl Into<String>, holds: bool) -> Self {
        self.asked = text.into();
        self.holds = Some(holds);
        self
    }
}

impl Table {
    pub fn add(&mut self, row: Row) {
        eprintln!(
            "   {}: {} | {} | {} | asked {}",
            row.figure, row.ours, row.beside, row.ratio, row.asked
        );
        self.rows.push(row);
    }

    pub fn print(&self) {
        println!("| figure | ours | beside it | ratio | asked | holds |");
        println!("| --- | --- | --- | --- | --- | --- |");
        for row in &self.rows {
            let holds = match row.holds {
                Some(true) => "yes",
                Some(false) => "**no**",
                None => "-",
            };
            println!(
                "| {} | {} | {} | {} | {} | {holds} |",
                row.figure, row.ours, row.beside, row.ratio, row.asked
            );
        }
    }

    pub fn figures(&self) -> usize {
        self.rows.len()
    }
}
