//! Starting and ending a world.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::runtime::{Builder, Runtime};

use crate::controls::{Addresses, Controls};
use crate::gate::Gate;
use crate::http::Host;
use crate::options::Options;
use crate::server::answer::Service;
use crate::server::listen::{Port, serve};
use crate::server::s3::Store;
use crate::server::tls;
use crate::world::World;

/// A running world. Its methods are those of [`Controls`]; it ends when it is dropped.
#[derive(Debug)]
pub struct Sim {
    controls: Controls,
    runtime: Option<Runtime>,
    /// The store's folder, if it is to go when the world ends.
    own_dir: Option<PathBuf>,
}

impl Deref for Sim {
    type Target = Controls;

    fn deref(&self) -> &Controls {
        &self.controls
    }
}

impl Sim {
    /// Starts a world.
    ///
    /// # Panics
    /// If it cannot be started; see [`Sim::try_start`].
    pub fn start(options: Options) -> Sim {
        match Sim::try_start(options) {
            Ok(sim) => sim,
            Err(problem) => panic!("the simulated world does not start: {problem}"),
        }
    }

    /// Starts a world. Its services answer when this returns.
    pub fn try_start(options: Options) -> Result<Sim, String> {
        let identity = tls::identity(&options.tls)?;
        let scheme = if identity.is_some() { "https" } else { "http" };
        let own_dir = options.s3_dir.is_none().then(new_dir);
        let s3_dir = match (&options.s3_dir, &own_dir) {
            (Some(dir), _) | (None, Some(dir)) => dir.clone(),
            (None, None) => return Err("no folder for the store".to_owned()),
        };
        let store = Store::new(&options, &s3_dir)?;
        let ports = options.ports;
        let google = listen(ports.google)?;
        let fitbit = listen(ports.fitbit)?;
        let s3 = listen(ports.s3)?;
        let control = listen(ports.control)?;
        let addresses = Addresses {
            google: address(scheme, &google)?,
            fitbit: address(scheme, &fitbit)?,
            s3: address(scheme, &s3)?,
            control: address("http", &control)?,
        };
        let hosts = [Host::Google, Host::Fitbit, Host::S3];
        let controls = Controls {
            world: Arc::new(World::new(options)?),
            addresses: Arc::new(addresses),
            gates: hosts.map(|host| (host, Gate::default())).to_vec(),
            s3_dir,
            authority: identity.as_ref().and_then(|one| one.authority.clone()),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("fitsync-sim")
            .enable_all()
            .build()
            .map_err(|problem| problem.to_string())?;
        let services = [
            (Service::Google, google),
            (Service::Fitbit, fitbit),
            (Service::S3(Arc::new(store)), s3),
            (Service::Control, control),
        ];
        for (service, listener) in services {
            let acceptor = match service {
                Service::Control => None,
                _ => identity.as_ref().map(|one| one.acceptor.clone()),
            };
            let gate = controls.gate(service.host()).cloned().unwrap_or_default();
            let port = Port { service, listener, acceptor, gate };
            runtime.spawn(serve(controls.clone(), port));
        }
        Ok(Sim { controls, runtime: Some(runtime), own_dir })
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        if let Some(dir) = &self.own_dir {
            let _ = std::fs::remove_dir_all(dir);
        }
    }
}

/// A name for a folder that nobody else has.
fn new_dir() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("fitsync-sim-{}-{count}", std::process::id());
    std::env::temp_dir().join(name)
}

fn listen(port: u16) -> Result<TcpListener, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    listener.map_err(|problem| format!("port {port}: {problem}"))
}

fn address(scheme: &str, listener: &TcpListener) -> Result<String, String> {
    let address = listener.local_addr().map_err(|problem| problem.to_string())?;
    Ok(format!("{scheme}://{address}"))
}
