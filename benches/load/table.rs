//! The table that `scripts/bench` prints: medians and ratios.

/// Rows as they are measured.
#[derive(Default)]
pub struct Table {
    rows: Vec<String>,
}

/// The middle one; 0 when there is none.
fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

impl Table {
    /// Rates in messages a second: ours, the raw echo's, mosquitto's (empty: not installed).
    pub fn row(&mut self, name: &str, rates: &[Vec<f64>; 3]) {
        let [ours, echo, mosquitto] = [0, 1, 2].map(|peer| median(&rates[peer]));
        let over = |peer: f64| {
            if peer > 0.0 {
                format!("{:.2}", ours / peer)
            } else {
                "-".to_owned()
            }
        };
        self.rows.push(format!(
            "| {name} | {ours:.0} | {mosquitto:.0} | {echo:.0} | {} | {} |",
            over(mosquitto),
            over(echo)
        ));
    }

    pub fn print(&self) {
        println!("| load | ours, messages/s (each synced) | mosquitto (stores nothing) | raw echo | over mosquitto | over echo |");
        println!("| --- | --- | --- | --- | --- | --- |");
        for row in &self.rows {
            println!("{row}");
        }
    }
}
