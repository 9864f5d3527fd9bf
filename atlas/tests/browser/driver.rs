//! A headless browser: Debian's chromium, spoken to in its DevTools protocol over a WebSocket.
//!
//! Of the protocol the test needs a handful of commands; the driver crates generate Rust for hundreds, and bring a
//! TLS library or an asynchronous runtime with them.

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket, connect};

/// The programs that are tried, unless `CHROMIUM` names one.
const PROGRAMS: [&str; 2] = ["chromium-headless-shell", "chromium"];

/// How long a page may take to do something.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A browser with one tab.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: Option<String>,
    next: u64,
    /// Errors of scripts and in the console, and files that could not be loaded.
    pub(crate) errors: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it.
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = spawn(&profile);
        // It says where it listens, and goes on to say other things.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.ok()?.strip_prefix("DevTools listening on ").map(str::to_owned));
        let address = address.expect("the browser ended before it listened");
        std::thread::spawn(move || lines.for_each(drop));
        let (socket, _) = connect(address.trim()).unwrap();
        if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
            stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        }
        let (session, errors) = (None, Vec::new());
        let mut browser = Self { child, socket, session, next: 0, errors, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Makes a call of the protocol and returns its result.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.try_call(method, params).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// As [`Browser::call`]; an error is the protocol's.
    fn try_call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.next += 1;
        let mut message = json!({ "id": self.next, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let answer = self.receive();
            if answer["id"] == self.next {
                let error = &answer["error"];
                return if error.is_null() {
                    Ok(answer["result"].clone())
                } else {
                    Err(error.clone())
                };
            }
        }
    }

    /// The next message; of an event what matters is kept.
    fn receive(&mut self) -> Value {
        let read = self.socket.read();
        let text = read.expect("an answer of the browser").into_text().unwrap();
        let message: Value = serde_json::from_str(&text).unwrap();
        let params = &message["params"];
        match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => {
                self.errors.push(params["exceptionDetails"].to_string());
            }
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.errors.push(params["entry"].to_string());
            }
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                self.errors.push(params["args"].to_string());
            }
            _ => {}
        }
        message
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&mut self, address: &str) {
        // From one anchor of a page to another nothing is loaded.
        self.call("Page.navigate", json!({ "url": "about:blank" }));
        self.wait_for("location.href === 'about:blank'");
        self.call("Page.navigate", json!({ "url": address }));
        self.wait_for("location.href !== 'about:blank' && document.readyState === 'complete'");
    }

    /// The value of an expression in the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "returnByValue": true });
        let result = self.call("Runtime.evaluate", params);
        assert!(result["exceptionDetails"].is_null(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    /// The value of an expression that is text.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let start = Instant::now();
        let params = json!({ "expression": expression, "returnByValue": true });
        // While another page is being opened there is no page to ask.
        while self
            .try_call("Runtime.evaluate", params.clone())
            .ok()
            .is_none_or(|answer| answer["result"]["value"] != json!(true))
        {
            assert!(start.elapsed() < TIMEOUT, "not within {TIMEOUT:?}: {expression}");
            sleep(Duration::from_millis(20));
        }
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: &str, code: u32) {
        let text = if key.len() == 1 { key } else { "" };
        let down =
            json!({ "type": "keyDown", "key": key, "text": text, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", down);
        let up = json!({ "type": "keyUp", "key": key, "windowsVirtualKeyCode": code });
        self.call("Input.dispatchKeyEvent", up);
    }

    /// Types text into what has the focus.
    pub(crate) fn write(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Gives the page so many pixels.
    pub(crate) fn resize(&mut self, width: u32, height: u32, mobile: bool) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile });
        self.call("Emulation.setDeviceMetricsOverride", size);
    }

    /// Makes the system's colours `light` or `dark`.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": feature }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Debian's program is a script that starts the browser, which would go on without it. All of this fails
        // if it has ended.
        let close = json!({ "id": 0, "method": "Browser.close" });
        let _ = self.socket.send(Message::text(close.to_string()));
        while self.socket.read().is_ok() {}
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(profile: &tempfile::TempDir) -> Child {
    let named = std::env::var("CHROMIUM").ok();
    let programs = named.as_deref().into_iter().chain(PROGRAMS);
    let children = programs.map(|program| {
        let mut command = Command::new(program);
        command.args([
            "--headless",
            "--remote-debugging-port=0",
            "--no-first-run",
            "--disable-gpu",
        ]);
        // The sandbox refuses to run as root and in containers. The pages are our own files.
        command.args(["--no-sandbox", "--disable-dev-shm-usage"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()
    });
    let child = children.into_iter().find_map(Result::ok);
    child.expect(
        "no chromium: install the package chromium-headless-shell, or set CHROMIUM to the program",
    )
}
