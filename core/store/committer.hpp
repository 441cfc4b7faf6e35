// Committer: the log of one server. One thread at a time takes whatever is queued, checks and numbers it, appends it as one
// batch with one sync, installs it and answers: its own, or one that would have to wait for it anyway (patient.hpp).
//
// Invariants: it never waits for more to come; nothing is installed or answered before its batch is as durable as it
//   asks for; after a failed append or sync everybody who waits gets 500 and the process ends (StoreHooks::fatal).
//   While one batch takes longer than kStorePatience_ms, what waits behind it is given back undone: not_answering().
// Threads: see Log. Answers given without queueing (full, stopping, stuck) come on the calling thread, those of writes
//   given back on the timer's.
// Ownership: of its storage.
#pragma once
#include "core/store/log.hpp"
#include "core/store/storage.hpp"

namespace keelson::store {

inline constexpr Revision kCeilingStep = 1'000'000;            ///< numbers reserved per synced ceiling
inline constexpr std::int64_t kRelaxedSyncDelay_ms = 5'000;    ///< relaxed writes are synced at most this much later
inline constexpr std::int64_t kRestDelay_ms = 5'000;           ///< after much was written and then so long next to nothing, memory goes back
inline constexpr std::int64_t kCompactionInterval_ms = 5 * 60 * 1000;

std::unique_ptr<Log> make_local_log(std::unique_ptr<Storage> storage, base::Runtime& runtime, base::Metrics& metrics, StoreOptions options);

}  // namespace keelson::store
