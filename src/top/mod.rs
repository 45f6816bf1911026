//! `probity top`: a running Probity on a terminal.
//!
//! Owns the terminal while it runs: what is shown (`page`, read from the API's JSON), what the person has chosen
//! (`screen`), keys, and drawing. It asks over HTTP as anybody could, and knows nothing of the instance but what that
//! says.

mod draw;
mod keys;
mod page;
mod screen;
#[cfg(test)]
mod tests;
mod words;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde_json::Value;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::client::Instance;
use crate::model::Action;
use keys::Order;
use page::Page;
use screen::{Deed, Screen};

/// What is asked for: what the page shows, and no more.
pub const QUESTION: &str = "/snapshot?fields=timestamp,age_ms,process,resources.cpu,resources.memory,scheduler.event_loop,scheduler.late,probes,health,operations.in_flight,operations.overdue,operations.recent";
/// An answer has to be here by then.
const PATIENCE: Duration = Duration::from_secs(5);
/// What came of an action has to be known by then; the server waits for a minute, since a component may have to be compiled.
const ACTION_PATIENCE: Duration = Duration::from_secs(65);
/// How often ages are drawn anew.
const BEAT: Duration = Duration::from_millis(500);
/// How long the thread that reads keys waits before it looks whether it is still wanted.
const KEY_WAIT: Duration = Duration::from_millis(200);
/// Keys waiting to be handled; beyond that the thread that reads them waits.
const KEY_CAPACITY: usize = 64;

/// What `probity top` is told.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is looked at.
    pub instance: Instance,
    /// How often it is asked.
    pub interval: Duration,
    /// Whether colours may be used.
    pub colour: bool,
}

/// Shows an instance on this process' terminal until the person leaves, or a signal ends it. The terminal is left as it was.
///
/// # Errors
/// The terminal cannot be used.
pub async fn run(settings: Settings) -> io::Result<()> {
    // From here on a signal no longer ends the program where it stands.
    let end = End::awaited()?;
    let ended = match ratatui::try_init() {
        Ok(terminal) => show(settings, terminal, end).await,
        Err(error) => Err(error),
    };
    // Whatever came before: what was changed of the terminal by then is taken back.
    let restored = ratatui::try_restore();
    ended.and(restored)
}

async fn show(settings: Settings, terminal: DefaultTerminal, end: End) -> io::Result<()> {
    let keys = Keys::start()?;
    Top::new(settings).run(terminal, keys, end).await
}

/// A question or an action under way.
type Pending<T> = Pin<Box<dyn Future<Output = T>>>;

/// The loop between keys, answers and the terminal.
struct Top {
    /// What is looked at.
    instance: Instance,
    /// How often it is asked.
    interval: Duration,
    /// What is shown.
    screen: Screen,
    /// The next question and its answer.
    question: Pending<Result<Value, String>>,
    /// The action under way.
    action: Option<Pending<Deed>>,
}

impl Top {
    fn new(settings: Settings) -> Self {
        let instance = settings.instance;
        Self {
            screen: Screen::new(instance.authority(), settings.colour),
            question: Box::pin(ask(instance.clone(), Instant::now())),
            action: None,
            interval: settings.interval,
            instance,
        }
    }

    async fn run(
        mut self,
        mut terminal: DefaultTerminal,
        mut keys: Keys,
        mut end: End,
    ) -> io::Result<()> {
        let mut beat = tokio::time::interval(BEAT);
        loop {
            let screen = &self.screen;
            terminal.draw(|frame| draw::page(frame, screen, std::time::Instant::now()))?;
            tokio::select! {
                () = end.come() => return Ok(()),
                key = keys.received.recv() => match key {
                    Some(Pressed::Key(key)) => {
                        if self.handle_key(key) {
                            return Ok(());
                        }
                    }
                    // Drawn anew at the next round.
                    Some(Pressed::Resize) => {}
                    None => return Err(io::Error::other("the terminal gives no more keys")),
                },
                answer = &mut self.question => self.handle_answer(answer),
                deed = finished(&mut self.action) => {
                    self.action = None;
                    self.screen.note_deed(deed);
                    // What it changed is shown at once.
                    self.question = Box::pin(ask(self.instance.clone(), Instant::now()));
                }
                _ = beat.tick() => {}
            }
        }
    }

    /// Whether the person leaves.
    fn handle_key(&mut self, key: KeyEvent) -> bool {
        match keys::press(&mut self.screen, key) {
            Some(Order::Leave) => return true,
            Some(Order::Act { probe, action }) if self.action.is_some() => {
                self.screen.note_refused(&probe, action);
            }
            Some(Order::Act { probe, action }) => {
                self.screen.note_begun(&probe, action);
                self.action = Some(Box::pin(act(self.instance.clone(), probe, action)));
            }
            None => {}
        }
        false
    }

    fn handle_answer(&mut self, answer: Result<Value, String>) {
        match answer {
            Ok(document) => self
                .screen
                .take(Page::read(&document), std::time::Instant::now()),
            Err(trouble) => self.screen.lose(trouble, std::time::Instant::now()),
        }
        let next = Instant::now() + self.interval;
        self.question = Box::pin(ask(self.instance.clone(), next));
    }
}

/// Does something to a probe.
async fn act(instance: Instance, probe: String, action: Action) -> Deed {
    let path = format!("/api/v1/probes/{probe}/{action}");
    let outcome = match instance.post(&path, ACTION_PATIENCE).await {
        Ok(answer) if answer.status == 200 => {
            let told = answer.json().unwrap_or_default();
            Ok(told["outcome"].as_str().unwrap_or("done").to_owned())
        }
        Ok(answer) => Err(answer.reason()),
        Err(error) => Err(error.to_string()),
    };
    Deed {
        probe,
        action,
        outcome,
    }
}

/// The action's end; never, while there is none.
async fn finished(action: &mut Option<Pending<Deed>>) -> Deed {
    match action {
        Some(action) => action.await,
        None => std::future::pending().await,
    }
}

/// Asks at `when` for what the page shows; the error is for the person.
async fn ask(instance: Instance, when: Instant) -> Result<Value, String> {
    tokio::time::sleep_until(when).await;
    let answer = instance.get(QUESTION, PATIENCE).await;
    let answer = answer.map_err(|error| error.to_string())?;
    match answer.status {
        200 => answer
            .json()
            .map_err(|error| format!("what answers there is no Probity: {error}")),
        401 => Err("it wants a token: --token-file FILE".to_owned()),
        _ => Err(answer.reason()),
    }
}

/// The signals that end a program: they do not give the terminal back by themselves.
struct End([Signal; 3]);

impl End {
    fn awaited() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::interrupt())?,
        ]))
    }

    /// Waits for one of them.
    async fn come(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.0;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// What the terminal tells.
enum Pressed {
    Key(KeyEvent),
    Resize,
}

/// The thread that waits for keys, since the terminal can only be waited for that way.
struct Keys {
    received: mpsc::Receiver<Pressed>,
    unwanted: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keys {
    fn start() -> io::Result<Self> {
        let (pressed, received) = mpsc::channel(KEY_CAPACITY);
        let unwanted = Arc::new(AtomicBool::new(false));
        let over = unwanted.clone();
        let thread = std::thread::Builder::new()
            .name("keys".into())
            .spawn(move || {
                // A failure ends the channel, which the other side tells.
                while !over.load(Ordering::Relaxed) {
                    match wait_for_key() {
                        Ok(true) => {}
                        Ok(false) => continue,
                        Err(_) => return,
                    }
                    let told = match event::read() {
                        Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                            Pressed::Key(key)
                        }
                        Ok(Event::Resize(..)) => Pressed::Resize,
                        Ok(_) => continue,
                        Err(_) => return,
                    };
                    if pressed.blocking_send(told).is_err() {
                        return;
                    }
                }
            })?;
        Ok(Self {
            received,
            unwanted,
            thread: Some(thread),
        })
    }
}

/// Waits a little for something to read. A terminal that is gone is looked for here: reading from it never ends.
fn wait_for_key() -> io::Result<bool> {
    // Several keys may have come at once.
    if event::poll(Duration::ZERO)? {
        return Ok(true);
    }
    let input = io::stdin();
    let mut look = [PollFd::new(&input, PollFlags::IN)];
    let patience = Timespec::try_from(KEY_WAIT).map_err(io::Error::other)?;
    match poll(&mut look, Some(&patience)) {
        // A signal, as that of another size.
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error.into()),
    }
    let gone = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
    if look[0].revents().intersects(gone) {
        return Err(io::Error::other("the terminal is gone"));
    }
    event::poll(Duration::ZERO)
}

impl Drop for Keys {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Relaxed);
        self.received.close();
        if let Some(thread) = self.thread.take() {
            // It ends within the time that it waits for a key; a panic in it was told by the panic hook.
            let _ended = thread.join();
        }
    }
}
