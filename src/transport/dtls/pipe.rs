//! The socket as OpenSSL sees it: one read is one datagram, and so is one write.

use std::io::{self, Read, Write};

#[derive(Debug, Default)]
pub(super) struct Pipe {
    input: Option<Vec<u8>>,
    output: Vec<Vec<u8>>,
}

impl Pipe {
    /// What the next read gives.
    pub fn give(&mut self, datagram: &[u8]) {
        self.input = Some(datagram.to_vec());
    }

    /// What has been written since the last time.
    pub fn take(&mut self) -> Vec<Vec<u8>> {
        // Nothing that was read stays behind for later.
        self.input = None;
        std::mem::take(&mut self.output)
    }
}

impl Read for Pipe {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let datagram = self.input.take().ok_or(io::ErrorKind::WouldBlock)?;
        // A longer one would be cut, as a socket does.
        let length = datagram.len().min(into.len());
        let (to, from) = (into.get_mut(..length), datagram.get(..length));
        if let (Some(to), Some(from)) = (to, from) {
            to.copy_from_slice(from);
        }
        Ok(length)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
