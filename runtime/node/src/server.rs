//! The ports of a node: requests over HTTP and WebSocket, and what browsers and monitors ask for.
//!
//! ```text
//! POST /     JSON-RPC      GET /          a page that shows the chain at work
//! upgrade    WebSocket     GET /health    ok, or 503
//!                          GET /metrics   figures for Prometheus
//! ```
//! The second port serves the same; it is there because clients look for the WebSocket at the port
//! behind that of HTTP.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::body::Incoming;
use jsonrpsee::{
    Methods,
    core::BoxError,
    server::{
        BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, PingConfig, ServerConfig,
        StopHandle, serve_with_graceful_shutdown, stop_channel,
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::Semaphore,
};
use tower::{Service as _, service_fn};

use crate::{
    limits::{
        BATCH_COUNT_MAX, BLOCKING_THREADS_MAX, CONNECTION_COUNT_MAX, NOTIFICATIONS_WAITING_MAX,
        REQUEST_SIZE_MAX, RESPONSE_SIZE_MAX, SUBSCRIPTIONS_PER_CONNECTION_MAX,
    },
    node::{Node, NodeError},
    rpc,
};

/// What a browser shows at `/`.
const PAGE: &str = include_str!("page.html");
/// How long requests that are under way may take when the node ends.
const END_PATIENCE: Duration = Duration::from_secs(5);

/// Gives the text of a page of figures.
pub type Figures = Arc<dyn Fn() -> String + Send + Sync>;

/// Where a node listens.
#[derive(Clone)]
pub struct ServerOptions {
    /// The address; loopback lets this machine alone in.
    pub bind: IpAddr,
    /// The port of HTTP; 0 for any that is free.
    pub port: u16,
    /// The port of the WebSocket; the one behind that of HTTP if `None`.
    pub socket_port: Option<u16>,
    /// The origin whose pages may ask from a browser; `*` for all, none if `None`.
    pub cors: Option<String>,
    /// What `/metrics` shows.
    pub figures: Option<Figures>,
}

impl std::fmt::Debug for ServerOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerOptions")
            .field("bind", &self.bind)
            .field("port", &self.port)
            .field("socket_port", &self.socket_port)
            .field("cors", &self.cors)
            .finish_non_exhaustive()
    }
}

/// A server that is listening.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    stop: jsonrpsee::server::ServerHandle,
    /// Where HTTP is.
    pub http: SocketAddr,
    /// Where the WebSocket is.
    pub socket: SocketAddr,
}

impl Server {
    /// Listens on both ports.
    ///
    /// # Errors
    /// If a port is taken or not allowed, or the system refuses a thread.
    pub fn start(node: &Arc<Node>, options: ServerOptions) -> Result<Self, NodeError> {
        let system = |what: String| move |source| NodeError::System { what, source };
        let runtime = Builder::new_multi_thread()
            .worker_threads(node.chain.options().threads.count())
            .max_blocking_threads(BLOCKING_THREADS_MAX)
            .thread_name("node-server")
            .enable_all()
            .build()
            .map_err(system("cannot start the server".to_owned()))?;
        let listen = |port: u16| {
            let address = SocketAddr::new(options.bind, port);
            let listener = runtime.block_on(TcpListener::bind(address));
            listener.map_err(system(format!("cannot listen on {address}")))
        };
        let local = |listener: &TcpListener| {
            let address = listener.local_addr();
            address.map_err(system("cannot tell the port".to_owned()))
        };
        let http_listener = listen(options.port)?;
        let http = local(&http_listener)?;
        let socket_port = options.socket_port;
        let socket_listener = match (socket_port, options.port) {
            (None, 0) => listen(http.port().wrapping_add(1)).or_else(|_| listen(0))?,
            (port, _) => listen(port.unwrap_or(http.port().wrapping_add(1)))?,
        };
        let socket = local(&socket_listener)?;
        let methods = rpc::methods(Arc::clone(node)).expect("each method has a name of its own");
        let (stop_handle, stop) = stop_channel();
        let service = Arc::new(Service {
            node: Arc::clone(node),
            methods: methods.into(),
            config: config(),
            stop_handle,
            connections: Arc::new(Semaphore::new(CONNECTION_COUNT_MAX as usize)),
            cors: options.cors,
            figures: options.figures,
        });
        for listener in [http_listener, socket_listener] {
            runtime.spawn(accept(Arc::clone(&service), listener));
        }
        Ok(Self {
            runtime,
            stop,
            http,
            socket,
        })
    }

    /// Waits on the server's threads.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Takes no more requests, and waits some seconds for those that are under way.
    pub fn stop(self) {
        // Fails if it has stopped already.
        let _ = self.stop.stop();
        let Self { runtime, stop, .. } = self;
        runtime.block_on(async {
            let _ = tokio::time::timeout(END_PATIENCE, stop.stopped()).await;
        });
        runtime.shutdown_timeout(END_PATIENCE);
    }
}

fn config() -> ServerConfig {
    let ping = PingConfig::new()
        .ping_interval(Duration::from_secs(30))
        .inactive_limit(Duration::from_secs(90))
        .max_failures(2);
    ServerConfig::builder()
        .max_request_body_size(REQUEST_SIZE_MAX)
        .max_response_body_size(RESPONSE_SIZE_MAX)
        .max_connections(CONNECTION_COUNT_MAX)
        .max_subscriptions_per_connection(SUBSCRIPTIONS_PER_CONNECTION_MAX)
        .set_message_buffer_capacity(NOTIFICATIONS_WAITING_MAX)
        .set_batch_request_config(BatchRequestConfig::Limit(BATCH_COUNT_MAX))
        .enable_ws_ping(ping)
        .build()
}

/// What all connections share.
struct Service {
    node: Arc<Node>,
    methods: Methods,
    config: ServerConfig,
    stop_handle: StopHandle,
    connections: Arc<Semaphore>,
    cors: Option<String>,
    figures: Option<Figures>,
}

/// Accepts connections until the node ends. One too many is closed at once.
async fn accept(service: Arc<Service>, listener: TcpListener) {
    let stopped = service.stop_handle.clone().shutdown();
    tokio::pin!(stopped);
    loop {
        let accepted = tokio::select! {
            () = &mut stopped => return,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                // As if no file were left, which time may mend.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        if let Ok(permit) = Arc::clone(&service.connections).try_acquire_owned() {
            let service = Arc::clone(&service);
            tokio::spawn(async move {
                connection(service, stream).await;
                drop(permit);
            });
        }
    }
}

async fn connection(service: Arc<Service>, stream: TcpStream) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let builder = jsonrpsee::server::Server::builder()
        .set_config(service.config.clone())
        .to_service_builder();
    let inner = builder.build(service.methods.clone(), service.stop_handle.clone());
    let stopped = service.stop_handle.clone().shutdown();
    let served = service_fn(move |request: HttpRequest<Incoming>| {
        let (service, mut inner) = (Arc::clone(&service), inner.clone());
        async move {
            let mut response = match service.page(&request) {
                Some(page) => page,
                None => match inner.call(request).await {
                    Ok(response) => response,
                    Err(error) => failed(&error),
                },
            };
            service.add_cors(&mut response);
            Ok::<_, Infallible>(response)
        }
    });
    if let Err(error) = serve_with_graceful_shutdown(stream, served, stopped).await {
        tracing::debug!(%error, "a connection ended");
    }
}

fn failed(error: &BoxError) -> HttpResponse {
    page(500, "text/plain", error.to_string())
}

fn page(status: u16, kind: &str, text: impl Into<HttpBody>) -> HttpResponse {
    let response = HttpResponse::builder()
        .status(status)
        .header("content-type", kind)
        .body(text.into());
    response.expect("the parts are plain")
}

impl Service {
    /// What is no request to the JSON-RPC server.
    fn page<B>(&self, request: &HttpRequest<B>) -> Option<HttpResponse> {
        if request.method() == "OPTIONS" {
            return Some(page(204, "text/plain", ""));
        }
        let is_upgrade = request.headers().contains_key("upgrade");
        if request.method() != "GET" || is_upgrade {
            return None;
        }
        Some(match request.uri().path() {
            "/health" if self.node.is_ending() => page(503, "text/plain", "ending"),
            "/health" => page(200, "text/plain", "ok"),
            "/metrics" => match &self.figures {
                Some(figures) => page(200, "text/plain; version=0.0.4", figures()),
                None => page(404, "text/plain", "no recorder of figures is installed"),
            },
            "/" => page(200, "text/html; charset=utf-8", PAGE),
            _ => page(404, "text/plain", "there is no such page"),
        })
    }

    fn add_cors(&self, response: &mut HttpResponse) {
        let Some(origin) = &self.cors else {
            return;
        };
        let headers = response.headers_mut();
        for (name, value) in [
            ("access-control-allow-origin", origin.as_str()),
            ("access-control-allow-methods", "GET, POST, OPTIONS"),
            (
                "access-control-allow-headers",
                "content-type, solana-client",
            ),
            ("access-control-max-age", "3600"),
        ] {
            if let Ok(value) = value.parse() {
                headers.insert(name, value);
            }
        }
    }
}
