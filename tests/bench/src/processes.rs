//! The upstream and the gateway as processes, and what they weigh.

use std::{
    error::Error,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const ADMIN_KEY: &str = "bench-admin-key-0123456789abcdef0123456789abcdef";

/// Where the ledger writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    File,
    Memory,
    NoopTable,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::File => "ledger in the embedded engine, on file",
            Kind::Memory => "ledger in the embedded engine, in memory",
            Kind::NoopTable => "ledger over a table that keeps nothing (benchmark only)",
        }
    }
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub struct Upstream {
    _process: Running,
    pub address: SocketAddr,
}

impl Upstream {
    pub async fn start(binary: &Path) -> Result<Upstream, Box<dyn Error>> {
        let address = free_address()?;
        let process =
            Command::new(binary).args(["--bench", "--listen", &address.to_string()]).stdout(Stdio::null()).spawn()?;
        let upstream = Upstream { _process: Running(process), address };
        listening(address).await?;
        Ok(upstream)
    }
}

/// Makes this program the bare pass-through: where to listen and what to ask follow.
pub const BARE: &str = "--bare-pass-through";

/// The bare pass-through to the upstream.
pub struct Bare {
    _process: Running,
    pub address: SocketAddr,
}

impl Bare {
    pub async fn start(upstream: &Upstream) -> Result<Bare, Box<dyn Error>> {
        let address = free_address()?;
        let mut command = Command::new(std::env::current_exe()?);
        let process = command.args([BARE, &address.to_string(), &upstream.address.to_string()]).spawn()?;
        let bare = Bare { _process: Running(process), address };
        listening(address).await?;
        Ok(bare)
    }
}

/// Makes this program do nothing, without sleeping.
pub const AWAKE: &str = "--keep-awake";

/// Keeps the cores from falling asleep while they wait for a packet, as a host under load or `idle=poll` would: waking one
/// costs a virtual machine up to 0.05 ms a hop, which is not what is measured here. One process a core, of the lowest
/// class there is, so that whoever has work to do goes before.
pub struct Awake {
    _processes: Vec<Running>,
}

impl Awake {
    /// None are kept awake where `chrt` is missing: then times at one connection have the cores' naps in them.
    pub fn start() -> std::io::Result<Awake> {
        let this = std::env::current_exe()?;
        let cores = std::thread::available_parallelism()?.get();
        let spinning = || Command::new("chrt").args(["--idle", "0"]).arg(&this).arg(AWAKE).spawn();
        let processes: Vec<_> = (0..cores).map_while(|_| spinning().ok()).map(Running).collect();
        println!("cores kept awake: {} of {cores}", processes.len());
        Ok(Awake { _processes: processes })
    }
}

/// Never returns, and asks nothing of the memory or of a neighbour on the same core.
pub fn stay_awake() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

pub struct Gateway {
    process: Running,
    pub address: SocketAddr,
    pub key: String,
    data: PathBuf,
    /// Resident memory before any load, in KiB.
    pub idle_kib: u64,
}

impl Gateway {
    pub async fn start(binary: &Path, upstream: &Upstream, kind: Kind) -> Result<Gateway, Box<dyn Error>> {
        let address = free_address()?;
        let data = std::env::temp_dir().join(format!("portunus-bench-{}", address.port()));
        std::fs::create_dir_all(&data)?;
        let file = data.join("portunus.yaml");
        std::fs::write(&file, configuration(upstream.address))?;
        let mut command = Command::new(binary);
        command.args(["serve", "--config"]).arg(&file).arg("--data-dir").arg(&data);
        command
            .args(["--listen", &address.to_string()])
            .env("PORTUNUS_ADMIN_KEY", ADMIN_KEY)
            .env("PORTUNUS_LOG", "error");
        match kind {
            Kind::File => {}
            Kind::Memory => drop(command.arg("--memory")),
            Kind::NoopTable => drop(command.arg("--memory").arg("--benchmark-without-ledger")),
        }
        let process = Running(command.stdout(Stdio::null()).spawn()?);
        listening(address).await?;
        let key = virtual_key(address).await?;
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut gateway = Gateway { process, address, key, data, idle_kib: 0 };
        gateway.idle_kib = gateway.resident_kib("VmRSS:");
        Ok(gateway)
    }

    /// A line of the process's status, in KiB: `VmRSS:` now, `VmHWM:` at its highest.
    pub fn resident_kib(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap_or_default();
        let found = status.lines().find_map(|text| text.strip_prefix(line));
        found.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.0.kill();
        let _ = self.process.0.wait();
        let _ = std::fs::remove_dir_all(&self.data);
    }
}

fn configuration(upstream: SocketAddr) -> String {
    format!(
        "providers:\n  up: {{ kind: openai, base_url: \"http://{upstream}/v1\", api_key: \"test-openai\" }}\n\
         egress: {{ allow: [\"{upstream}\"] }}\n\
         models:\n  - name: gpt-4o\n    targets: [ {{ provider: up, model: gpt-4o }} ]\n"
    )
}

/// An address nothing listens on.
fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

async fn listening(address: SocketAddr) -> Result<(), Box<dyn Error>> {
    for _ in 0..600 {
        if TcpStream::connect(address).await.is_ok() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("nothing listens on {address}").into())
}

/// A key without limits, made through the admin API.
async fn virtual_key(address: SocketAddr) -> Result<String, Box<dyn Error>> {
    let body = r#"{"name":"bench"}"#;
    let request = format!(
        "POST /admin/v1/keys HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {ADMIN_KEY}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let json = answer.split("\r\n\r\n").nth(1).ok_or("no answer from the admin API")?;
    let json: serde_json::Value = serde_json::from_str(json)?;
    Ok(json.get("key").and_then(serde_json::Value::as_str).ok_or("no key in the answer")?.to_owned())
}
