//! The floor of the machine: the same bytes carried by hyper and nothing else. What Portunus adds above it is its own.

use hyper::{Request, Response, Uri, body::Incoming, client, header::HOST, server, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    io,
    net::{SocketAddr, TcpListener as Listener},
    num::NonZero,
    sync::Arc,
    thread,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::Mutex,
    task::{LocalSet, spawn_local},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Upstream = client::conn::http1::SendRequest<Incoming>;

/// Carries what comes to `listen` to `upstream`, on one runtime a core, until the process is ended.
pub fn serve(listen: SocketAddr, upstream: SocketAddr) -> io::Result<()> {
    let listener = Listener::bind(listen)?;
    listener.set_nonblocking(true)?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let listeners = (0..cores).map(|_| listener.try_clone()).collect::<io::Result<Vec<_>>>()?;
    let threads: Vec<_> = listeners.into_iter().map(|one| thread::spawn(move || worker(one, upstream))).collect();
    threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| io::Error::other("a worker panicked"))?)
}

fn worker(listener: Listener, upstream: SocketAddr) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn_local(async move { drop(connection(stream, upstream).await) });
        }
    })
}

/// One connection of a caller, and the one to the upstream that belongs to it.
async fn connection(stream: TcpStream, address: SocketAddr) -> Result<(), Failure> {
    stream.set_nodelay(true)?;
    let to = TcpStream::connect(address).await?;
    to.set_nodelay(true)?;
    let (upstream, driver) = client::conn::http1::handshake(TokioIo::new(to)).await?;
    spawn_local(driver);
    let upstream = Arc::new(Mutex::new(upstream));
    let service = service_fn(move |request| carried(upstream.clone(), request, address));
    Ok(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await?)
}

async fn carried(
    upstream: Arc<Mutex<Upstream>>,
    mut request: Request<Incoming>,
    address: SocketAddr,
) -> Result<Response<Incoming>, Failure> {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>()?;
    request.headers_mut().insert(HOST, address.to_string().parse()?);
    let mut upstream = upstream.lock().await;
    upstream.ready().await?;
    Ok(upstream.send_request(request).await?)
}
