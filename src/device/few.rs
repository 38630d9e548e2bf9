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

/// A map that nearly always is empty: one pointer while it is.
#[derive(Debug)]
pub(super) struct Seldom<K, V>(Option<Box<Few<K, V>>>);

impl<K, V> Default for Seldom<K, V> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: PartialEq, V> Seldom<K, V> {
    pub fn insert(&mut self, key: K, value: V) {
        self.0.get_or_insert_default().insert(key, value);
    }

    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.as_ref()?.get(key)
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let removed = self.0.as_mut()?.remove(key);
        self.release();
        removed
    }

    pub fn retain(&mut self, keep: impl FnMut(&V) -> bool) {
        if let Some(few) = &mut self.0 {
            few.retain(keep);
            self.release();
        }
    }

    /// Empties it.
    pub fn take(&mut self) -> impl Iterator<Item = V> {
        self.0.take().into_iter().flat_map(|mut few| few.take())
    }

    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.0.iter().flat_map(|few| few.iter())
    }

    fn release(&mut self) {
        self.0.take_if(|few| few.0.is_empty());
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

    #[test]
    fn what_is_seldom_needed_is_one_pointer_without_it() {
        assert_eq!(size_of::<Seldom<u64, String>>(), size_of::<usize>());
        let mut seldom = Seldom::default();
        assert_eq!(seldom.get(&1), None);
        assert_eq!(seldom.remove(&1), None);
        seldom.insert(1, "a");
        seldom.insert(2, "b");
        assert_eq!((seldom.get(&1), seldom.iter().count()), (Some(&"a"), 2));
        assert_eq!(seldom.remove(&1), Some("a"));
        seldom.retain(|value| *value != "b");
        assert!(seldom.0.is_none());
        seldom.insert(3, "c");
        assert_eq!(seldom.take().collect::<Vec<_>>(), ["c"]);
        assert!(seldom.0.is_none());
    }
}
