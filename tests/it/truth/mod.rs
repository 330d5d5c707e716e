//! Every report must be true. `lies` has a file for each kind of false report that a run could show, `refusals` a row
//! for each thing that is refused before a run. What has no run, or needs more than one command, is beside them:
//!
//! | kind | where |
//! |---|---|
//! | migrations and names of the release's commit; the plan that was reviewed | `guards`, `git` |
//! | what is uploaded, links, ignored files | `source` |
//! | damaged, replaced, old or shared stores; live leases | `store`, `leases` |
//! | gaps in a soak, controls without a name | `watching` |
//! | shares of bad answers, drift, evidence, identity one by one | `shares`, `drift`, `evidence`, `identity` |
//! | two places of the screen that contradict each other | `agree` |
//! | any change of the platform between two of our effects | `claims` |
//! | schema ranges, counts of documents | `domain::migration`, `migrating` |
//! | operations, pages and answers of a platform without end | `misbehaving` |
//! | alerts that cannot be delivered | `engine::courier` |
//! | probes over a switch, words of health | `health`, `probing` |
//! | what CI says of a commit | `pipeline` |

mod agree;
mod claims;
mod drift;
mod evidence;
mod guards;
mod identity;
mod lies;
mod refusals;
mod shares;
mod store;
mod told;
mod watching;
