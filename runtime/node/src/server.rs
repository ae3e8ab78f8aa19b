//! The ports of a node: requests over HTTP and WebSocket, and what browsers and monitors ask for.
//!
//! ```text
//! POST /     JSON-RPC      GET /          a page that shows the chain at work
//! upgrade    WebSocket     GET /light/..  what the page checks certified proofs with
//!                          GET /health    ok, or 503
//!                          GET /metrics   figures for Prometheus
//! ```
//! The second port serves the same; it is there because clients look for the WebSocket at the port
//! behind that of HTTP.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hyper::{
    body::{Body as _, Incoming},
    header::HeaderValue,
};
use jsonrpsee::{
    Methods,
    core::{BoxError, middleware::RpcServiceBuilder},
    server::{
        BatchRequestConfig, HttpBody, HttpRequest, HttpResponse, PingConfig, ServerConfig,
        StopHandle, TowerServiceBuilder, serve_with_graceful_shutdown, stop_channel,
    },
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::Semaphore,
};
use tower::{layer::util::Identity, service_fn};

use crate::{
    browser,
    flow::{Flow, Takers},
    guard::{Clients, Guarded},
    limits::{
        BATCH_COUNT_MAX, CONNECTION_COUNT_MAX, NOTIFICATIONS_WAITING_MAX, REQUEST_SIZE_MAX,
        RESPONSE_SIZE_MAX, SUBSCRIPTIONS_PER_CONNECTION_MAX,
    },
    node::{Node, NodeError},
    rpc,
    workers::Peer,
};

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
    /// Tokens a second of one client, of which requests take some; no bound if 0.
    pub rate: u64,
    /// Time for a request, or for a whole batch.
    pub patience: Duration,
}

impl std::fmt::Debug for ServerOptions {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ServerOptions")
            .field("bind", &self.bind)
            .field("port", &self.port)
            .field("socket_port", &self.socket_port)
            .field("cors", &self.cors)
            .field("rate", &self.rate)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

/// A server that is listening.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    methods: Methods,
    stop: jsonrpsee::server::ServerHandle,
    /// Where HTTP is.
    pub http: SocketAddr,
    /// Where the WebSocket is.
    pub socket: SocketAddr,
}

/// How often two free ports that follow each other are looked for.
const PORT_TRIES: u32 = 32;

impl Server {
    /// Listens on both ports.
    ///
    /// # Errors
    /// If a port is taken or not allowed, or the system refuses a thread.
    pub fn start(node: &Arc<Node>, options: ServerOptions) -> Result<Self, NodeError> {
        let system = |what: String| move |source| NodeError::System { what, source };
        let runtime = Builder::new_multi_thread()
            .worker_threads(node.chain.options().threads.count())
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
        let mut http_listener = listen(options.port)?;
        let behind = |http: &TcpListener| local(http).map(|http| http.port().wrapping_add(1));
        let socket_port = match options.socket_port {
            Some(port) => port,
            None => behind(&http_listener)?,
        };
        let mut socket_listener = listen(socket_port);
        if (options.port, options.socket_port) == (0, None) {
            // Any two ports that follow each other, as clients expect them.
            for _ in 0..PORT_TRIES {
                if socket_listener.is_ok() {
                    break;
                }
                http_listener = listen(0)?;
                socket_listener = listen(behind(&http_listener)?);
            }
        }
        let socket_listener = socket_listener?;
        let http = local(&http_listener)?;
        let socket = local(&socket_listener)?;
        let made = rpc::methods(Arc::clone(node));
        let (methods, prices) = made.map_err(system("cannot start the server".to_owned()))?;
        let methods = Methods::from(methods);
        let (stop_handle, stop) = stop_channel();
        let service = Arc::new(Service {
            node: Arc::clone(node),
            methods: methods.clone(),
            base: jsonrpsee::server::Server::builder()
                .set_config(config())
                .to_service_builder(),
            flow: Flow::new(),
            stop_handle,
            connections: Arc::new(Semaphore::new(CONNECTION_COUNT_MAX as usize)),
            cors: options.cors,
            figures: options.figures,
            clients: Arc::new(Clients::new(options.rate, prices)),
            patience: options.patience,
        });
        let (feeder, blocks) = (Arc::clone(node), node.published.subscribe());
        runtime.spawn(async move { feeder.subscribers.feed(blocks).await });
        for listener in [http_listener, socket_listener] {
            runtime.spawn(accept(Arc::clone(&service), listener));
        }
        Ok(Self {
            runtime,
            methods,
            stop,
            http,
            socket,
        })
    }

    /// The answer to one request, without a connection: what a method makes of it. Notifications of
    /// a subscription are dropped.
    ///
    /// # Errors
    /// If the text is no request.
    pub fn answer(&self, request: &str) -> Result<String, serde_json::Error> {
        let answered = self.methods.raw_json_request(request, 1);
        let (answer, _) = self.runtime.block_on(answered)?;
        Ok(answer.get().to_owned())
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
    /// Counts the connections that have become WebSockets.
    base: TowerServiceBuilder<Identity, Identity>,
    flow: Flow,
    stop_handle: StopHandle,
    connections: Arc<Semaphore>,
    cors: Option<String>,
    figures: Option<Figures>,
    clients: Arc<Clients>,
    patience: Duration,
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
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
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
                connection(service, stream, Peer::new(peer.ip())).await;
                drop(permit);
            });
        }
    }
}

async fn connection(service: Arc<Service>, stream: TcpStream, client: Peer) {
    // Small answers must not wait for more.
    let _ = stream.set_nodelay(true);
    let (clients, patience) = (Arc::clone(&service.clients), service.patience);
    let guard = RpcServiceBuilder::new().layer_fn(move |inner| Guarded {
        service: inner,
        clients: Arc::clone(&clients),
        client,
        patience,
    });
    let builder = service.base.clone().set_rpc_middleware(guard);
    let inner = builder.build(service.methods.clone(), service.stop_handle.clone());
    let stopped = service.stop_handle.clone().shutdown();
    let takers = Arc::new(Takers::new());
    let watched = Arc::clone(&takers);
    let served = service_fn(move |mut request: HttpRequest<Incoming>| {
        request.extensions_mut().insert(client);
        let (service, mut inner) = (Arc::clone(&service), inner.clone());
        let takers = Arc::clone(&takers);
        async move {
            let mut response = match service.page(&request) {
                Some(page) => page,
                None if service.clients.is_spent(client, Instant::now()) => service.too_many(),
                None => service.answer(request, &mut inner, &takers).await,
            };
            service.add_cors(&mut response);
            Ok::<_, Infallible>(response)
        }
    });
    tokio::select! {
        ended = serve_with_graceful_shutdown(stream, served, stopped) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection ended");
            }
        }
        () = watched.stalled() => tracing::debug!("a client took nothing of its answer"),
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
    /// What the JSON-RPC server answers, if there is room for request and answer.
    async fn answer<S>(
        &self,
        request: HttpRequest<Incoming>,
        inner: &mut S,
        takers: &Arc<Takers>,
    ) -> HttpResponse
    where
        S: tower::Service<HttpRequest<Incoming>, Response = HttpResponse, Error = BoxError>,
    {
        let Some(room) = self.flow.room_for_request(&request.body().size_hint()) else {
            return page(503, "text/plain", "too many large requests are under way");
        };
        // The time of a method begins when its request has come in.
        let patience = self.patience.saturating_mul(2);
        let response = match tokio::time::timeout(patience, inner.call(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return failed(&error),
            Err(_) => return page(408, "text/plain", "the request did not come in in time"),
        };
        drop(room);
        let (parts, body) = response.into_parts();
        match self.flow.answer(body, takers) {
            Some(body) => HttpResponse::from_parts(parts, body),
            None => page(503, "text/plain", "too many large answers are under way"),
        }
    }

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
            path => match browser::file(path) {
                Some((kind, text)) => page(200, kind, text),
                None => page(404, "text/plain", "there is no such page"),
            },
        })
    }

    /// The answer to a client that asks too often, which clients of Solana's know by its status.
    fn too_many(&self) -> HttpResponse {
        let error = self.clients.refusal();
        let body = json!({ "jsonrpc": "2.0", "error": error, "id": null });
        let mut response = page(429, "application/json", body.to_string());
        let headers = response.headers_mut();
        headers.insert("retry-after", HeaderValue::from_static("1"));
        response
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
