//! A server of 9P with one directory, whose files are in memory.

use std::collections::BTreeMap;

const ENOENT: u32 = 2;
const EBADF: u32 = 9;
const EEXIST: u32 = 17;
const EINVAL: u32 = 22;
const ENOSPC: u32 = 28;
const EOPNOTSUPP: u32 = 95;

/// The largest message, the largest file, and how many files a client may have.
pub(crate) const MAX_MESSAGE: usize = 8192;
const MAX_FILE: usize = 1 << 20;
const MAX_FIDS: usize = 64;

/// The files, and what the client has of them: `None` is the directory.
#[derive(Debug, Default)]
pub(crate) struct Server {
    files: BTreeMap<String, Vec<u8>>,
    fids: BTreeMap<u32, Option<String>>,
}

/// The fields of a request. A request that is too short is one with zeros.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn number(&mut self, bytes: usize) -> u64 {
        let (now, rest) = self.0.split_at(bytes.min(self.0.len()));
        self.0 = rest;
        now.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    fn u32(&mut self) -> u32 {
        self.number(4) as u32
    }

    fn text(&mut self) -> String {
        let length = (self.number(2) as usize).min(self.0.len());
        let (now, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8_lossy(now).into_owned()
    }
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_le_bytes()[..], text.as_bytes()].concat()
}

impl Server {
    /// The reply to a message, header and all.
    pub(crate) fn reply(&mut self, request: &[u8]) -> Vec<u8> {
        let (header, fields) = request.split_at(7.min(request.len()));
        let kind = header.get(4).copied().unwrap_or_default();
        let tag = header.get(5..7).unwrap_or(&[0, 0]);
        let (kind, fields) = match self.perform(kind, &mut Fields(fields)) {
            Ok(fields) => (kind + 1, fields),
            Err(errno) => (107, [text("refused"), errno.to_le_bytes().to_vec()].concat()),
        };
        let length = (7 + fields.len()) as u32;
        [&length.to_le_bytes()[..], &[kind], tag, &fields].concat()
    }

    fn perform(&mut self, kind: u8, fields: &mut Fields<'_>) -> Result<Vec<u8>, u32> {
        if kind == 100 {
            let size = fields.u32().min(MAX_MESSAGE as u32);
            self.fids.clear();
            return Ok([&size.to_le_bytes()[..], &text("9P2000.u")].concat());
        }
        let fid = fields.u32();
        if kind == 104 {
            self.keep(fid, None)?;
            return Ok(self.qid(&None));
        }
        let file = self.fids.get(&fid).cloned().ok_or(EBADF)?;
        match kind {
            110 => self.walk(&file, fields),
            112 => {
                let truncate = fields.number(1) & 0x10 != 0;
                if let (true, Some(name)) = (truncate, &file) {
                    self.files.insert(name.clone(), Vec::new());
                }
                Ok([self.qid(&file), vec![0; 4]].concat())
            }
            114 => {
                let name = fields.text();
                if file.is_some() || name.is_empty() || name.contains('/') {
                    return Err(EINVAL);
                }
                if self.files.contains_key(&name) {
                    return Err(EEXIST);
                }
                self.files.insert(name.clone(), Vec::new());
                self.fids.insert(fid, Some(name.clone()));
                Ok([self.qid(&Some(name)), vec![0; 4]].concat())
            }
            116 => {
                let content = self.content(&file)?;
                let start = (fields.number(8) as usize).min(content.len());
                let length = (fields.u32() as usize).min(MAX_MESSAGE - 24);
                let end = (start + length).min(content.len());
                let bytes = &content[start..end];
                Ok([&(bytes.len() as u32).to_le_bytes()[..], bytes].concat())
            }
            118 => {
                let start = usize::try_from(fields.number(8)).map_err(|_| ENOSPC)?;
                let count = fields.u32() as usize;
                let bytes = fields.0.get(..count).ok_or(EINVAL)?;
                let content = self.content(&file)?;
                let end = start.checked_add(count).filter(|end| *end <= MAX_FILE).ok_or(ENOSPC)?;
                content.resize(content.len().max(end), 0);
                content[start..end].copy_from_slice(bytes);
                Ok((count as u32).to_le_bytes().to_vec())
            }
            120 => {
                self.fids.remove(&fid);
                Ok(Vec::new())
            }
            122 => {
                self.fids.remove(&fid);
                self.files.remove(&file.ok_or(EINVAL)?).ok_or(ENOENT)?;
                Ok(Vec::new())
            }
            124 => {
                let length =
                    file.as_ref().and_then(|name| self.files.get(name)).map_or(0, Vec::len);
                let name = file.as_deref().unwrap_or("/");
                let mode: u32 = if file.is_some() { 0o644 } else { 0o755 | 1 << 31 };
                let numbers = [mode.to_le_bytes(), [0; 4], [0; 4]].concat();
                let names =
                    [text(name), text("root"), text("root"), text("root"), text("")].concat();
                let length = (length as u64).to_le_bytes();
                let stat =
                    [vec![0; 6], self.qid(&file), numbers, length.to_vec(), names, vec![0; 12]]
                        .concat();
                let inner = stat.len() as u16;
                Ok([&(inner + 2).to_le_bytes()[..], &inner.to_le_bytes(), &stat].concat())
            }
            _ => Err(EOPNOTSUPP),
        }
    }

    fn walk(&mut self, from: &Option<String>, fields: &mut Fields<'_>) -> Result<Vec<u8>, u32> {
        let (new, count) = (fields.u32(), fields.number(2));
        let mut file = from.clone();
        let mut qids = Vec::new();
        for _ in 0..count {
            let name = fields.text();
            if file.is_some() || !self.files.contains_key(&name) {
                break;
            }
            file = Some(name);
            qids.push(self.qid(&file));
        }
        let found = qids.len() as u16;
        if u64::from(found) == count {
            self.keep(new, file)?;
        } else if qids.is_empty() {
            return Err(ENOENT);
        }
        Ok([&found.to_le_bytes()[..], &qids.concat()].concat())
    }

    fn keep(&mut self, fid: u32, file: Option<String>) -> Result<(), u32> {
        if self.fids.len() >= MAX_FIDS || self.fids.contains_key(&fid) {
            return Err(EBADF);
        }
        self.fids.insert(fid, file);
        Ok(())
    }

    fn content(&mut self, file: &Option<String>) -> Result<&mut Vec<u8>, u32> {
        file.as_ref().and_then(|name| self.files.get_mut(name)).ok_or(EBADF)
    }

    /// Kind, version, and a number that is a file's own.
    fn qid(&self, file: &Option<String>) -> Vec<u8> {
        let position = |name| self.files.keys().position(|other| other == name);
        let path = file.as_ref().and_then(position).map_or(0, |position| position as u64 + 1);
        let kind = if file.is_none() { 0x80 } else { 0 };
        [&[kind, 0, 0, 0, 0][..], &path.to_le_bytes()].concat()
    }
}
