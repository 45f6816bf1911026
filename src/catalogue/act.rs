//! What operators ask for: reload is the catalogue's own work, everything else is the probe's task's.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::task::Catalogue;
use crate::model::{Action, ActionError, ActionRequest, Cause, Failure, Operation, Update};

impl Catalogue {
    /// Carries out an action or hands it on; the answer comes when it is known what came of it.
    pub(super) async fn handle_action(&mut self, request: ActionRequest) {
        let Some(entry) = self.entries.get_mut(&request.probe) else {
            let error = match self.absence(&request.probe) {
                Some(failure) => ActionError::Absent(Arc::new(failure)),
                None => ActionError::NoSuchProbe(request.probe.clone()),
            };
            return self.answer(request, Err(error)).await;
        };
        match (request.action, &entry.handle) {
            (Action::Reload, _) => {
                entry.sure = true;
                entry.wish(Cause::Operator, Some(request.answer));
                self.enqueue(&request.probe);
            }
            (_, Some(handle)) => {
                let handle = handle.clone();
                let (answer, told) = oneshot::channel();
                let ActionRequest {
                    probe,
                    action,
                    answer: asked,
                } = request;
                handle.act(ActionRequest {
                    probe: probe.clone(),
                    action,
                    answer,
                });
                self.answers.spawn(async move {
                    let started = SystemTime::now();
                    let gone = || ActionError::Conflict("the probe is gone".to_owned());
                    let outcome = told.await.unwrap_or_else(|_| Err(gone()));
                    (
                        ActionRequest {
                            probe,
                            action,
                            answer: asked,
                        },
                        started,
                        outcome,
                    )
                });
            }
            (_, None) => {
                let message = "the probe does not run: mend its file, or reload it";
                let error = ActionError::Conflict(message.to_owned());
                self.answer(request, Err(error)).await;
            }
        }
    }

    /// Records an action that has ended, and tells whoever asked.
    pub(super) async fn answer(
        &mut self,
        request: ActionRequest,
        outcome: Result<String, ActionError>,
    ) {
        self.end_action(request, SystemTime::now(), outcome).await;
    }

    /// As [`Catalogue::answer`], for one that began at `started`.
    pub(super) async fn end_action(
        &mut self,
        request: ActionRequest,
        started: SystemTime,
        outcome: Result<String, ActionError>,
    ) {
        let recorded = outcome.clone().map_err(|error| match error {
            ActionError::Failed(failure) | ActionError::Absent(failure) => failure,
            other => Arc::new(Failure::new("conflict", other.to_string())),
        });
        let known = !matches!(outcome, Err(ActionError::NoSuchProbe(_)));
        if known {
            let operation = Operation {
                kind: request.action.kind(),
                target: request.probe.as_str().into(),
                cause: Cause::Operator,
                started,
                duration: started.elapsed().unwrap_or(Duration::ZERO),
                outcome: recorded,
            };
            tracing::info!(probe = request.probe, action = %request.action, ok = outcome.is_ok(), "action");
            self.schedule
                .tell(Update::Operation(Box::new(operation)))
                .await;
        }
        // Whoever asked may have gone; what was asked is done.
        let _gone = request.answer.send(outcome);
    }
}
