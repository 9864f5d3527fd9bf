//! A git repository, by way of the git program.
//!
//! Only commands that read objects are used, and what could make them run something else is turned
//! off: filters, replacements, fetching from a remote.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use debian_packages::text::one_line;

use crate::Error;

/// Variables that would make git read another repository than the one that is named.
const OTHER_REPOSITORY: [&str; 10] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_GRAFT_FILE",
];

/// A repository, or a directory in a checkout of one.
pub(crate) struct Repository {
    dir: PathBuf,
    prefix: String,
}

/// A file at a revision.
#[derive(Debug)]
pub(crate) struct Blob {
    /// Its path in the repository.
    pub(crate) path: String,
    /// Its mode, as git writes it.
    mode: String,
    id: String,
}

impl Blob {
    /// Not a link, nor another repository.
    pub(crate) fn is_regular(&self) -> bool {
        self.mode.starts_with("100")
    }

    pub(crate) fn is_executable(&self) -> bool {
        self.mode == "100755"
    }
}

impl Repository {
    /// The repository that `dir` is, or is in.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        let mut repository = Self { dir: dir.to_owned(), prefix: String::new() };
        let refused = |detail: String| Error::NotARepository {
            dir: dir.to_owned(),
            detail: one_line(&detail),
        };
        if !dir.is_dir() {
            return Err(refused(String::from("it is no directory")));
        }
        match repository.run(&["rev-parse", "--show-prefix"])? {
            Ok(prefix) => repository.prefix = text(prefix).trim_end_matches('\n').to_owned(),
            Err(said) => return Err(refused(said)),
        }
        Ok(repository)
    }

    /// The id of the commit that `rev` names.
    pub(crate) fn commit(&self, rev: &str) -> Result<String, Error> {
        // A name never begins so, and git would take it for an option.
        if !rev.starts_with('-') {
            let commit = format!("{rev}^{{commit}}");
            if let Ok(id) = self.run(&["rev-parse", "--verify", "--quiet", &commit])? {
                return Ok(text(id).trim().to_owned());
            }
        }
        let shallow = self.run(&["rev-parse", "--is-shallow-repository"])?;
        let names = ["for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags"];
        let names = self.run(&names)?.map(text).unwrap_or_default();
        Err(Error::NoRevision {
            dir: self.dir.clone(),
            rev: rev.to_owned(),
            nearest: nearest(rev, names.lines()),
            is_shallow: shallow.is_ok_and(|answer| answer.starts_with(b"true")),
        })
    }

    /// The path of the named directory in the checkout: empty at its top, else with a slash at its
    /// end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Every file of a commit, by path. What is not named in UTF-8 is not a header.
    pub(crate) fn blobs(&self, commit: &str) -> Result<BTreeMap<String, Blob>, Error> {
        let listing = self
            .run(&["ls-tree", "-r", "-z", "--full-tree", commit])?
            .map_err(|said| self.failed(&said))?;
        let mut blobs = BTreeMap::new();
        for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let blob = blob(line).ok_or_else(|| self.failed("its listing of files is odd"))?;
            // Git refuses to make others; a repository may have been made by something else.
            if Path::new(&blob.path).components().all(|part| matches!(part, Component::Normal(_))) {
                blobs.insert(blob.path.clone(), blob);
            }
        }
        Ok(blobs)
    }

    /// A reader of files' contents.
    pub(crate) fn contents(&self) -> Result<Contents<'_>, Error> {
        let mut child = self
            .command()
            .args(["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| Error::NoGit { source })?;
        let (Some(ask), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(self.failed("it has no standard input or output"));
        };
        Ok(Contents { repository: self, child, ask, answers: BufReader::new(answers) })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        for name in OTHER_REPOSITORY {
            command.env_remove(name);
        }
        command
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .arg("--no-pager")
            .arg("-C")
            .arg(&self.dir)
            .stdin(Stdio::null());
        command
    }

    /// What git prints, or what it complains of.
    fn run(&self, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, Error> {
        let output = self
            .command()
            .args(arguments.iter().map(OsStr::new))
            .output()
            .map_err(|source| Error::NoGit { source })?;
        Ok(if output.status.success() { Ok(output.stdout) } else { Err(text(output.stderr)) })
    }

    fn failed(&self, detail: &str) -> Error {
        Error::Git { dir: self.dir.clone(), detail: one_line(detail) }
    }
}

/// Reads contents one by one from a running git, which ends when this is dropped.
pub(crate) struct Contents<'a> {
    repository: &'a Repository,
    child: Child,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Contents<'_> {
    /// The content of a file, or `None` if it has more than `limit` bytes.
    pub(crate) fn read(&mut self, blob: &Blob, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let failed = |detail: String| {
            self.repository.failed(&format!("{} of {}: {detail}", blob.id, blob.path))
        };
        let mut answer = Vec::new();
        let asked = writeln!(self.ask, "{}", blob.id)
            .and_then(|()| self.ask.flush())
            .and_then(|()| (&mut self.answers).take(1 << 10).read_until(b'\n', &mut answer));
        // Git that has ended says why in no other way.
        if asked.as_ref().is_err_and(|error| error.kind() != ErrorKind::BrokenPipe) {
            return Err(failed(asked.err().map(|error| error.to_string()).unwrap_or_default()));
        }
        let answer = text(answer);
        let size = answer.trim_end().strip_prefix(&blob.id).and_then(|rest| {
            let size = rest.trim_start().strip_prefix("blob ")?;
            size.parse::<u64>().ok()
        });
        let Some(size) = size else {
            return Err(failed(String::from("the object is not there, or damaged; fetch it")));
        };
        if size > limit {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        // A line end follows the content.
        let read = (&mut self.answers).take(size + 1).read_to_end(&mut bytes);
        match read {
            Ok(_) if bytes.len() as u64 == size + 1 => {
                bytes.pop();
                Ok(Some(bytes))
            }
            Ok(_) => Err(failed(String::from("the object is damaged"))),
            Err(error) => Err(failed(error.to_string())),
        }
    }
}

impl Drop for Contents<'_> {
    fn drop(&mut self) {
        // It may be about to write a content that was not wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of `ls-tree`: mode, kind, id, a tab, the path.
fn blob(line: &str) -> Option<Blob> {
    let (words, path) = line.split_once('\t')?;
    let mut words = words.split(' ');
    let (mode, _, id) = (words.next()?, words.next()?, words.next()?);
    Some(Blob { path: path.to_owned(), mode: mode.to_owned(), id: id.to_owned() })
}

/// The name most like `rev`: the one that ends with it, such as `RELEASE-4.20.0` for `4.20.0`, or the
/// one that is nearest in writing.
fn nearest<'a>(rev: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let score = |name: &str| {
        if name.ends_with(rev) { 1.0 } else { strsim::jaro_winkler(rev, name) }
    };
    names
        .map(|name| (score(name), name))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}
