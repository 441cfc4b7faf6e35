#include "tests/simulation/watcher.hpp"

#include "tests/simulation/broken.hpp"

namespace keelson::simulation {
namespace {

constexpr std::size_t kTakenBytes = 1 << 16;

char letter(watch::EventType type) {
  switch (type) {
    case watch::EventType::added: return 'a';
    case watch::EventType::modified: return 'm';
    case watch::EventType::deleted: return 'd';
    case watch::EventType::bookmark: break;
  }
  return 'b';
}

watch::Bytes printed(watch::EventType type, store::Revision revision, const store::ObjectRef& object, bool) {
  return std::make_shared<const std::string>(letter(type) + std::to_string(revision) + " " + (object ? shown(*object) : ""));
}

}  // namespace

std::string shown(const store::Object& object) { return object.key().name + " " + std::string(object.body()); }

void Watcher::open(Server& server, const verbs::Context& caller) {
  const auto kind = server.kind(kind_);
  resource_ = kind->storage_key;
  selector_ = watch::parse_selector(*kind, labels_, "").value();
  if (stretches_.empty()) stretches_.push_back({server.store().snapshot().revision(), server.store().snapshot().revision(), {}});
  watch::WatchRequest request;
  request.resource = resource_;
  request.selector = selector_;
  request.encoding = {"simulation/v1", printed};
  request.start = watch::WatchRequest::Start::at_revision;
  request.after = stretches_.back().upto;
  request.bookmarks = true;
  auto opened = server.verbs().watch(caller, {kind, "", "", ""}, std::move(request), *this);
  if (opened) watch_ = std::move(*opened);
  else if (opened.error().code == 410) stretches_.push_back({server.store().snapshot().revision(), server.store().snapshot().revision(), {}});
  else throw Broken("a watch is refused: " + opened.error().message);
}

void Watcher::take(Server& server, const verbs::Context& caller) {
  if (!watch_) open(server, caller);
  for (; watch_;) {
    std::vector<watch::Bytes> out;
    const auto taken = watch_->take(out, kTakenBytes);
    for (const auto& bytes : out) note(*bytes);
    if (!taken) {
      watch_.reset();
      if (taken.error().code == 410) stretches_.push_back({server.store().snapshot().revision(), server.store().snapshot().revision(), {}});
      else throw Broken("a watch ends: " + taken.error().message);
      return;
    }
    if (out.empty()) return;
  }
}

void Watcher::note(const std::string& bytes) {
  const auto space = bytes.find(' ');
  Heard heard{bytes[0], std::stoull(bytes.substr(1, space - 1)), bytes.substr(space + 1)};
  auto& stretch = stretches_.back();
  if (heard.revision < stretch.upto) throw Broken("a watch goes back from " + std::to_string(stretch.upto) + " to " + bytes);
  stretch.upto = heard.revision;
  stretch.heard.push_back(std::move(heard));
}

std::vector<Watcher::Heard> Watcher::expected(const std::vector<store::Change>& log, const Stretch& stretch, store::Revision head) const {
  std::vector<Heard> events;
  for (const auto& change : log) {
    if (change.revision <= stretch.after || change.revision > head || change.object->key().resource != resource_) continue;
    const bool was = change.previous && selector_.matches(*change.previous);
    const bool is = change.type != store::ChangeType::deleted && selector_.matches(*change.object);
    if (is) events.push_back({was ? 'm' : 'a', change.revision, shown(*change.object)});
    else if (was) events.push_back({'d', change.revision, shown(*store::Draft::restamp(*change.previous, change.revision))});
  }
  return events;
}

void Watcher::check(const std::vector<store::Change>& log, store::Revision head) const {
  for (const auto& stretch : stretches_) {
    const bool last = &stretch == &stretches_.back();
    const auto events = expected(log, stretch, last ? head : stretch.upto);
    std::size_t next = 0;
    for (const auto& heard : stretch.heard) {
      const auto about = kind_ + " (" + labels_ + "): ";
      const auto wanted = next < events.size() ? std::string(1, events[next].type) + std::to_string(events[next].revision) + " " + events[next].what : "nothing";
      if (heard.type == 'b') {
        if (next < events.size() && events[next].revision <= heard.revision) throw Broken(about + "a bookmark of " + std::to_string(heard.revision) + " ahead of " + wanted);
        continue;
      }
      if (next == events.size() || heard.type != events[next].type || heard.revision != events[next].revision || heard.what != events[next].what)
        throw Broken(about + "heard " + heard.type + std::to_string(heard.revision) + " " + heard.what + " instead of " + wanted);
      ++next;
    }
    if (next != events.size()) throw Broken(kind_ + " (" + labels_ + "): never heard of " + events[next].type + std::to_string(events[next].revision) + " " + events[next].what);
  }
}

std::size_t Watcher::events() const {
  std::size_t sum = 0;
  for (const auto& stretch : stretches_) sum += stretch.heard.size();
  return sum;
}

}  // namespace keelson::simulation
