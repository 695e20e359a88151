//! `portunus` as a process of its own, in a folder of its own, and raw connections to it.

use mock_upstream::MockUpstream;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A data folder that is gone when the test is.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let name = format!("portunus-listener-{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::SeqCst));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running `portunus serve`.
pub struct Process {
    child: Child,
    /// Kept open: it may have more to print.
    _printed: BufReader<ChildStdout>,
    pub address: String,
    /// What it printed up to its last line to try.
    pub banner: String,
    /// The virtual key of its first start; empty later.
    pub key: String,
}

impl Process {
    /// Over a folder, with one OpenAI provider: the mock.
    pub fn start(folder: &Folder, upstream: &MockUpstream) -> Process {
        let config = folder.0.join("portunus.yaml");
        let text = format!(
            "providers:\n  up: {{ kind: openai, base_url: \"{}/v1\", api_key: \"k\" }}\n  echo: {{ kind: echo }}\n\
             egress: {{ allow: [\"{}\"] }}\nstreams: {{ drain_after_disconnect_ms: 500 }}\n",
            upstream.url(),
            upstream.address()
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_portunus"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--config".as_ref(), config.as_os_str()])
            .args(["--data-dir".as_ref(), folder.0.join("data").as_os_str()])
            .env_remove("PORTUNUS_ADMIN_KEY")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let (mut banner, mut curls) = (String::new(), 0);
        while curls == 0 || (banner.contains("PORTUNUS_KEY=") && curls < 2) {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "it ended early: {banner}");
            curls += usize::from(line.contains("curl "));
            banner += &line;
        }
        let after = |mark: &str| {
            let rest = banner.split(mark).nth(1).unwrap_or("");
            rest.split_whitespace().next().unwrap_or("").to_owned()
        };
        Process { child, _printed: lines, address: after("http://"), key: after("export PORTUNUS_KEY="), banner }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends these bytes and reads until the process closes, or stays silent for a second.
    pub fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        let _ = stream.write_all(bytes);
        read_all(&mut stream)
    }

    /// A chat as raw bytes.
    pub fn chat(&self, model: &str, stream: bool) -> String {
        let body = format!(
            "{{\"model\":\"{model}\",\"stream\":{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"hi\"}}]}}"
        );
        format!("{}content-length: {}\r\n\r\n{body}", self.head("/v1/chat/completions"), body.len())
    }

    /// The beginning of a POST with the key, without its end.
    pub fn head(&self, path: &str) -> String {
        format!(
            "POST {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n",
            self.address, self.key
        )
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Ends it at once: SIGKILL.
    pub fn kill(&self) {
        let killed = Command::new("kill").args(["-KILL", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
    }

    /// Waits for its end; the status, and what it logged.
    pub fn ended(mut self, limit: Duration) -> (ExitStatus, String) {
        let until = Instant::now() + limit;
        while Instant::now() < until {
            if let Some(status) = self.child.try_wait().unwrap() {
                let mut log = String::new();
                self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
                return (status, log);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it still runs after {limit:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            break;
        }
        bytes.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The statuses of all answers in these bytes.
pub fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.1 ").skip(1).filter_map(|answer| answer.get(..3)?.parse().ok()).collect()
}
