//! Object storage in this process: s3s over a folder, on loopback, with signatures that are checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use probity::backup::{Config, Credentials, Maker, Place};
use probity::model::Span;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{Scene, names};

pub const BUCKET: &str = "backups";
const KEY_ID: &str = "AKIDEXAMPLE";
/// Looked for wherever it must not be.
pub const SECRET: &str = "hunter2-hunter2-hunter2";

/// A bucket on a port of its own. It ends with the test's runtime.
pub struct Storage {
    pub address: SocketAddr,
    folder: PathBuf,
}

impl Storage {
    pub async fn start(scene: &Scene) -> Self {
        Self::start_over(scene, None).await
    }

    /// Over TLS, with the certificate and its key.
    pub async fn start_over(scene: &Scene, tls: Option<TlsAcceptor>) -> Self {
        let folder = scene.place.path().join("s3");
        std::fs::create_dir_all(folder.join(BUCKET)).unwrap();
        let files = s3s_fs::FileSystem::new(&folder).unwrap();
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, service) = (tls.clone(), service.clone());
                // A client that goes away ends its own connection.
                tokio::spawn(async move {
                    let http = http1::Builder::new();
                    match tls {
                        None => drop(http.serve_connection(TokioIo::new(stream), service).await),
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else {
                                return;
                            };
                            drop(http.serve_connection(TokioIo::new(stream), service).await);
                        }
                    }
                });
            }
        });
        Self { address, folder }
    }

    /// The objects that can be seen.
    pub fn objects(&self) -> Vec<String> {
        names(&self.folder.join(BUCKET).join("some/prefix"))
    }

    /// What uploads left that did not come to an end.
    pub fn uploads(&self) -> Vec<String> {
        let is_upload = |name: &String| name.contains("upload");
        names(&self.folder).into_iter().filter(is_upload).collect()
    }

    pub fn object(&self, name: &str) -> PathBuf {
        self.folder.join(BUCKET).join("some/prefix").join(name)
    }
}

pub fn credentials(key: &'static str) -> Credentials {
    let variable = |name: &str| match name {
        "AWS_ACCESS_KEY_ID" => Some(KEY_ID),
        "AWS_SECRET_ACCESS_KEY" => Some(key),
        _ => None,
    };
    Credentials::find(&Config::default().s3, |_| None, variable).unwrap()
}

/// Backups into the bucket that answers at `address`.
pub fn config(address: SocketAddr) -> Config {
    let mut config = Config {
        to: Place::S3,
        ..Config::default()
    };
    config.s3.bucket = Some(BUCKET.to_owned());
    config.s3.prefix = "some/prefix".to_owned();
    config.s3.endpoint = Some(format!("http://{address}"));
    config.s3.allow_http = true;
    // Longer than any pause that a busy machine makes.
    config.s3.timeout = Span::seconds(30);
    config
}

pub fn maker(scene: &Scene, address: SocketAddr) -> Maker {
    scene.maker_of(&config(address), Some(&credentials(SECRET)))
}

/// The configuration's file, for the program.
pub fn write_config(path: &Path, endpoint: &str) {
    let text = format!(
        "[backup]\nto = \"s3\"\n[backup.s3]\nbucket = \"{BUCKET}\"\nprefix = \"some/prefix\"\n\
         endpoint = \"{endpoint}\"\nallow_http = true\n\
         access_key = \"id\"\nsecret_key = \"key\"\n\
         [secrets]\nid = {{ env = \"ID\" }}\nkey = {{ env = \"KEY\" }}\n"
    );
    std::fs::write(path, text).unwrap();
}

/// The variables that it names.
pub const VARIABLES: [(&str, &str); 2] = [("ID", KEY_ID), ("KEY", SECRET)];
