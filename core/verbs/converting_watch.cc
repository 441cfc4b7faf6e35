#include "core/verbs/converting_watch.hpp"

#include <deque>

namespace keelson::verbs {
namespace {

using watch::Bytes;

/// What the hub hands out in place of printed bytes: as long as what is stored, so that a slow watcher's backlog is bounded alike.
struct Pending : std::string {
  Pending(std::string text, watch::EventType of, store::Revision at, store::ObjectRef what, bool last) : std::string(std::move(text)), type(of), revision(at), object(std::move(what)), initial_events_end(last) {}
  watch::EventType type;
  store::Revision revision;
  store::ObjectRef object;
  bool initial_events_end;
};

Bytes pending(watch::EventType type, store::Revision revision, const store::ObjectRef& object, bool initial_events_end) {
  return std::make_shared<const Pending>(object ? std::string(object->body()) : std::string(), type, revision, object, initial_events_end);
}

/// Shared with conversions that are under way.
struct Shared {
  std::mutex mutex;
  std::deque<Bytes> ready;               // under mutex, like all below
  bool asking = false;
  std::optional<base::Error> failed;
  std::mutex sink_mutex;                 // held while the sink is woken, so that it cannot go away meanwhile
  watch::WatchSink* sink = nullptr;

  void wake() {
    const std::lock_guard lock(sink_mutex);
    if (sink) sink->wake();
  }
};

class ConvertingWatch final : public watch::Watch, private watch::WatchSink {
 public:
  ConvertingWatch(const Core& core, kinds::KindRef kind, watch::Encoding encoding, watch::WatchSink& sink) : core_(core), kind_(std::move(kind)), encoding_(std::move(encoding)), shared_(std::make_shared<Shared>()) { shared_->sink = &sink; }
  ~ConvertingWatch() override {
    inner_.reset();
    const std::lock_guard lock(shared_->sink_mutex);
    shared_->sink = nullptr;
  }

  base::Outcome<void> open(watch::WatchRequest request, const OpenWatch& open) {
    request.encoding = {"stored", pending};
    auto inner = open(std::move(request), *this);
    if (!inner) return inner.error();
    inner_ = std::move(*inner);
    return {};
  }

  base::Outcome<void> take(std::vector<Bytes>& out, std::size_t bytes_max) override {
    for (;;) {
      if (take_ready(out, bytes_max)) return {};
      {
        const std::lock_guard lock(shared_->mutex);
        if (shared_->failed) return *shared_->failed;
        if (shared_->asking) return {};
      }
      std::vector<Bytes> stored;
      auto took = inner_->take(stored, bytes_max);
      if (stored.empty()) return took;
      if (!took) ended_ = took.error();
      convert(std::move(stored));
    }
  }

  void ask_bookmark() override { inner_->ask_bookmark(); }

 private:
  void wake() override { shared_->wake(); }

  bool take_ready(std::vector<Bytes>& out, std::size_t bytes_max) {
    const std::lock_guard lock(shared_->mutex);
    std::size_t bytes = 0;
    const bool any = !shared_->ready.empty();
    while (!shared_->ready.empty() && bytes < bytes_max) {
      bytes += shared_->ready.front()->size();
      out.push_back(std::move(shared_->ready.front()));
      shared_->ready.pop_front();
    }
    return any;
  }

  void convert(std::vector<Bytes> stored) {
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->asking = true;
    }
    Objects objects;
    for (const auto& bytes : stored)
      if (const auto& object = static_cast<const Pending&>(*bytes).object) objects.push_back(object);
    core_.conversions->in_form_of(core_, kind_, std::move(objects), base::kForever,
                                  [shared = shared_, stored = std::move(stored), encode = encoding_.encode, after = ended_](base::Outcome<Objects> converted) {
      std::vector<Bytes> printed;
      std::size_t next = 0;
      for (const auto& bytes : stored) {
        const auto& event = static_cast<const Pending&>(*bytes);
        if (converted) printed.push_back(encode(event.type, event.revision, event.object ? (*converted)[next++] : nullptr, event.initial_events_end));
      }
      {
        const std::lock_guard lock(shared->mutex);
        shared->asking = false;
        shared->failed = converted ? after : converted.error();
        shared->ready.insert(shared->ready.end(), printed.begin(), printed.end());
      }
      shared->wake();
    });
  }

  const Core& core_;
  const kinds::KindRef kind_;
  const watch::Encoding encoding_;
  const std::shared_ptr<Shared> shared_;
  std::optional<base::Error> ended_;       // of the inner watch, told after what it had
  std::unique_ptr<watch::Watch> inner_;
};

}  // namespace

base::Outcome<std::unique_ptr<watch::Watch>> converting_watch(const Core& core, kinds::KindRef kind, watch::WatchRequest request, watch::WatchSink& sink, const OpenWatch& open) {
  auto made = std::make_unique<ConvertingWatch>(core, std::move(kind), std::move(request.encoding), sink);
  if (auto opened = made->open(std::move(request), open); !opened) return opened.error();
  return made;
}

}  // namespace keelson::verbs
