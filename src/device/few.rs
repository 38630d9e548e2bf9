//! A map of a few entries in a vector: most devices have one session and nothing else, and an
//! empty map holds no memory (a `HashMap` keeps its table, and 48 bytes besides).

/// Keys are compared one by one.
#[derive(Debug)]
pub(super) struct Few<K, V>(Vec<(K, V)>);

impl<K, V> Default for Few<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: PartialEq, V> Few<K, V> {
    pub fn insert(&mut self, key: K, value: V) {
        if let Some((_, old)) = self.0.iter_mut().find(|(known, _)| *known == key) {
            *old = value;
            return;
        }
        if self.0.is_empty() {
            self.0.reserve_exact(1);
        }
        self.0.push((key, value));
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        let (_, value) = self.0.swap_remove(at);
        self.release();
        Some(value)
    }

    pub fn retain(&mut self, mut keep: impl FnMut(&V) -> bool) {
        self.0.retain(|(_, value)| keep(value));
        self.release();
    }

    /// Empties it.
    pub fn take(&mut self) -> impl Iterator<Item = V> {
        std::mem::take(&mut self.0).into_iter().map(|(_, v)| v)
    }

    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter()
    }

    fn release(&mut self) {
        if self.0.is_empty() {
            self.0 = Vec::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_map_that_holds_no_memory_when_it_is_empty() {
        let mut few = Few::default();
        few.insert(1, "a");
        few.insert(2, "b");
        few.insert(1, "c");
        assert_eq!((few.get(&1), few.get(&2)), (Some(&"c"), Some(&"b")));
        assert_eq!((few.remove(&1), few.remove(&1)), (Some("c"), None));
        few.retain(|value| *value != "b");
        assert_eq!((few.iter().count(), few.0.capacity()), (0, 0));
    }
}
