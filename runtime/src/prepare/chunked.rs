//! Items in the chunks in which tasks made them, as one list: what a task has made need not be
//! moved.

/// A list in chunks of any length.
#[derive(Debug)]
pub(super) struct Chunked<T> {
    chunks: Vec<Vec<T>>,
    /// The index of each chunk's first item.
    starts: Vec<usize>,
}

impl<T> Chunked<T> {
    /// The items of the first chunk, then those of the next, and so on.
    pub(super) fn new(chunks: Vec<Vec<T>>) -> Self {
        let starts = chunks.iter().scan(0usize, |next, chunk| {
            let start = *next;
            *next = start.saturating_add(chunk.len());
            Some(start)
        });
        Self {
            starts: starts.collect(),
            chunks,
        }
    }

    /// The item at `index`. O(log chunks).
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        let chunk = self.starts.partition_point(|start| *start <= index);
        let chunk = chunk.checked_sub(1)?;
        self.chunks[chunk].get(index.checked_sub(self.starts[chunk])?)
    }

    /// All items in their order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_leads_past_empty_chunks() {
        for chunks in [
            vec![],
            vec![vec![]],
            vec![vec![], vec![0], vec![], vec![], vec![1, 2, 3], vec![]],
            vec![vec![0, 1], vec![2]],
        ] {
            let all: Vec<i32> = chunks.concat();
            let chunked = Chunked::new(chunks);
            assert!(chunked.iter().eq(&all));
            for index in 0..=all.len() {
                assert_eq!(chunked.get(index), all.get(index));
            }
        }
    }
}
