//! Finding the values of a JSON document while it arrives, without a tree of it: a page of 10,000
//! rows is never whole in memory, neither as a text nor as values.
//!
//! What is inside a value is checked by whoever parses it (`json::Element`).

use std::io::Read;

use crate::core::error::{ErrorClass, Failure, Result};
use crate::limits::JSON_READ_BYTES;

fn malformed(what: impl Into<String>) -> Failure {
    Failure::new(ErrorClass::Format, what)
}

/// The members of the object that `text` is, each with the text of its value.
pub fn members(text: &str) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    Document::new(text.as_bytes()).members(|document, name| {
        found.push((name.to_owned(), document.value()?.to_owned()));
        Ok(())
    })?;
    Ok(found)
}

/// The elements of the array that `text` is.
pub fn elements(text: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    Document::new(text.as_bytes()).elements(|_, raw| {
        found.push(raw.to_owned());
        Ok(())
    })?;
    Ok(found)
}

/// A document and how far it is read.
#[derive(Debug)]
pub struct Document<R> {
    source: R,
    /// The part that is in memory.
    window: Vec<u8>,
    /// Where in it the value begins that is being read: what stands before is not needed any more.
    start: usize,
    at: usize,
}

impl<R: Read> Document<R> {
    pub const fn new(source: R) -> Self {
        Self { source, window: Vec::new(), start: 0, at: 0 }
    }

    /// Reads the object that the document is, to its end; `take` reads the value of each member.
    pub fn members(&mut self, mut take: impl FnMut(&mut Self, &str) -> Result<()>) -> Result<()> {
        self.expect(b'{')?;
        if self.peek()? == Some(b'}') {
            self.at += 1;
        } else {
            loop {
                let name: String = miniserde::json::from_str(self.value()?)
                    .map_err(|_| malformed("expected an object, found something else"))?;
                self.expect(b':')?;
                take(self, &name)?;
                if self.either(b',', b'}')? == b'}' {
                    break;
                }
            }
        }
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(malformed("bytes after the end of the JSON document")),
        }
    }

    /// Reads the array that comes next: `take` is given each element and its number.
    pub fn elements(&mut self, mut take: impl FnMut(usize, &str) -> Result<()>) -> Result<()> {
        self.expect(b'[').map_err(|_| malformed("expected an array, found something else"))?;
        if self.peek()? == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        for index in 0.. {
            take(index, self.value()?)?;
            if self.either(b',', b']')? == b']' {
                break;
            }
        }
        Ok(())
    }

    /// The text of the value that comes next.
    pub fn value(&mut self) -> Result<&str> {
        self.peek()?;
        let mut depth = 0_usize;
        loop {
            match self.byte()? {
                None => return Err(malformed("the JSON document is cut short")),
                Some(b'"') => self.string()?,
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.checked_sub(1).ok_or_else(|| malformed("a value is missing"))?;
                    self.at += 1;
                }
                Some(_) if depth > 0 => self.at += 1,
                Some(_) => self.scalar()?,
            }
            if depth == 0 {
                break;
            }
        }
        match self.window.get(self.start..self.at) {
            Some(found) if !found.is_empty() => {
                std::str::from_utf8(found).map_err(|_| malformed("the reply is not UTF-8 text"))
            }
            _ => Err(malformed("a value is missing")),
        }
    }

    fn string(&mut self) -> Result<()> {
        let mut escaped = false;
        loop {
            self.at += 1;
            match self.byte()? {
                None => return Err(malformed("the JSON document is cut short")),
                Some(_) if escaped => escaped = false,
                Some(b'\\') => escaped = true,
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => {}
            }
        }
    }

    fn scalar(&mut self) -> Result<()> {
        while self.byte()?.is_some_and(|byte| !b",]} \t\r\n".contains(&byte)) {
            self.at += 1;
        }
        Ok(())
    }

    /// The next byte that is no space, which may begin a value.
    fn peek(&mut self) -> Result<Option<u8>> {
        while self.byte()?.is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
        self.start = self.at;
        self.byte()
    }

    fn expect(&mut self, wanted: u8) -> Result<()> {
        if self.peek()? == Some(wanted) {
            self.at += 1;
            return Ok(());
        }
        Err(malformed("not the JSON that was promised, or cut short"))
    }

    fn either(&mut self, one: u8, other: u8) -> Result<u8> {
        match self.peek()? {
            Some(found) if found == one || found == other => {
                self.at += 1;
                Ok(found)
            }
            _ => Err(malformed("not the JSON that was promised, or cut short")),
        }
    }

    fn byte(&mut self) -> Result<Option<u8>> {
        if self.at == self.window.len() {
            self.window.drain(..self.start);
            self.at -= std::mem::take(&mut self.start);
            let mut more = (&mut self.source).take(JSON_READ_BYTES);
            more.read_to_end(&mut self.window)
                .map_err(|_| malformed("the JSON document is cut short"))?;
        }
        Ok(self.window.get(self.at).copied())
    }
}

#[cfg(test)]
#[path = "json_scan_tests.rs"]
mod tests;
