// A watch reads the initial state or the log, slice by slice, until it stands where the live feed is.
#include <algorithm>

#include "core/store/unreadable.hpp"
#include "core/watch/hub_impl.hpp"

namespace keelson::watch {
namespace {

/// The log's error in a watch's words.
base::Error of_watch(base::Error error, Revision position, Revision compacted) {
  if (error.code == 410) return base::expired("too old resource version: " + std::to_string(position) + " (" + std::to_string(compacted) + ")");
  if (error.code == 500) error.reason = "StorageReadError";   // what a client must not retry at once
  return error;
}

/// Objects or changes that one catch-up step visits.
constexpr std::size_t kSliceVisitsMax = 512;
/// How long a watch waits for a state from the future (upstream: 3 s).
constexpr std::int64_t kFutureStateWait_ms = 3'000;

}  // namespace

void HubImpl::catch_up(const WatcherRef& watcher) {
  if (watcher->finished()) return;
  if (!watcher->begun) begin(watcher);
  if (!watcher->begun) return;
  const bool more = watcher->initial ? list_slice(watcher) : history_slice(watcher);
  // A consumer that took meanwhile found it off the queue and put it back itself: enqueue() knows.
  if (more && !watcher->finished() && watcher->backlog_bytes() < kCatchUpBacklogBytes) enqueue(watcher);
  watcher->wake();
}

void HubImpl::begin(const WatcherRef& watcher) {
  auto snapshot = store_.snapshot();
  if (snapshot.revision() < watcher->request.after) {
    await_state(watcher);
    return;
  }
  watcher->initial.emplace(std::move(snapshot));
  watcher->begun = true;
}

void HubImpl::await_state(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    watcher->waits_for_state = true;
    std::erase_if(pending_, [](const auto& weak) { return weak.expired(); });
    pending_.push_back(watcher);
  }
  std::weak_ptr<Watcher> weak = watcher;
  store_.wait_for(watcher->request.after, runtime_.in_ms(kFutureStateWait_ms), [line = lifeline_, weak](base::Outcome<Revision> reached) {
    const auto watcher = weak.lock();
    if (!watcher) return;
    {
      std::lock_guard lock(line->mutex);
      if (line->hub && reached) line->hub->state_reached(watcher);
    }
    if (reached) return;
    watcher->end(reached.error());
    watcher->wake();
  });
}

void HubImpl::state_reached(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    watcher->waits_for_state = false;
  }
  enqueue(watcher);
}

/// One slice of the initial state. True: call again.
bool HubImpl::list_slice(const WatcherRef& watcher) {
  const auto& request = watcher->request;
  std::size_t visits = 0;
  bool complete = true;
  std::optional<store::Key> last;
  watcher->initial->scan(request.resource, request.ns, watcher->cursor ? &*watcher->cursor : nullptr, [&](const store::ObjectRef& object) {
    if (++visits > kSliceVisitsMax || watcher->backlog_bytes() > kCatchUpBacklogBytes) {
      complete = false;
      return false;
    }
    last = object->key();
    if (store::is_unreadable(*object)) {
      watcher->end(of_watch(base::internal(store::why_unreadable(*object)), 0, 0));
      return complete = false;
    }
    if (request.selector.matches(*object)) watcher->put(request.encoding.encode(EventType::added, object->revision(), object, false));
    return true;
  });
  if (last) watcher->cursor = std::move(last);
  if (complete) finish_initial(watcher);
  return !watcher->finished();
}

void HubImpl::finish_initial(const WatcherRef& watcher) {
  watcher->position = watcher->initial->revision();
  watcher->initial.reset();
  watcher->cursor.reset();
  if (watcher->request.start == WatchRequest::Start::initial_events)
    watcher->put(watcher->request.encoding.encode(EventType::bookmark, watcher->position, nullptr, true));
}

/// One slice of the log, or the step into the live feed. True: call again.
bool HubImpl::history_slice(const WatcherRef& watcher) {
  {
    std::lock_guard lock(mutex_);
    if (join(watcher)) return false;
  }
  const auto& request = watcher->request;
  auto page = store_.history(request.resource, watcher->position, kSliceVisitsMax);
  if (!page) {
    watcher->end(of_watch(page.error(), watcher->position, store_.compacted(request.resource)));
    return false;
  }
  Group probe;
  probe.ns = request.ns;
  probe.selector = request.selector;
  for (const auto& change : page->changes) {
    if (watcher->backlog_bytes() > kCatchUpBacklogBytes) return true;
    if (const auto what = seen(change, probe)) watcher->put(ChangePrinter(change).print(request.encoding, *what));
    watcher->position = change.revision;
  }
  watcher->position = std::max(watcher->position, page->upto);
  return true;
}

}  // namespace keelson::watch
