#include "core/plugins/events.hpp"

#include <boost/json.hpp>

#include <algorithm>

#include "core/base/json_text.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;

constexpr std::string_view kCombined = "(combined from similar events): ";
constexpr std::string_view kDefaultNamespace = "default";

std::string text(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::string hex(std::uint64_t number) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4)
    if (const auto digit = (number >> shift) & 15; digit != 0 || !out.empty()) out += kDigits[digit];
  return out.empty() ? "0" : out;
}

/// Appends a member, and the comma before it unless it is the first.
void append_member(std::string& out, std::string_view name, std::string_view text) {
  if (out.back() != '{') out += ',';
  base::append_json_string(out, name);
  out += ':';
  base::append_json_string(out, text);
}

std::string new_event(const EventNote& note, const std::string& ns, const std::string& name, std::int64_t count, std::int64_t first_s, std::int64_t last_s) {
  std::string out = R"({"apiVersion":"v1","kind":"Event","metadata":{)";
  append_member(out, "name", name);
  append_member(out, "namespace", ns);
  out.append(R"(},"involvedObject":)").append(note.about_json);
  append_member(out, "reason", note.reason);
  append_member(out, "message", note.note);
  out += R"(,"source":{)";
  append_member(out, "component", note.component);
  if (!note.host.empty()) append_member(out, "host", note.host);
  out += '}';
  append_member(out, "firstTimestamp", base::rfc3339(first_s));
  append_member(out, "lastTimestamp", base::rfc3339(last_s));
  out.append(R"(,"count":)").append(std::to_string(count));
  append_member(out, "type", note.warning ? "Warning" : "Normal");
  append_member(out, "reportingComponent", note.component);
  append_member(out, "reportingInstance", note.host);
  return out += '}';
}

}  // namespace

base::Atom plugin_resource() { return base::Atom("plugins.keelson.dev"); }

EventNote note_about_plugin(const store::Snapshot& snapshot, const std::string& plugin, bool warning, std::string reason, std::string note) {
  EventNote event;
  event.user = verbs::own_context("plugin-host", "system:plugin-host", "plugin-host").user;
  json::object about{{"apiVersion", "keelson.dev/v1"}, {"kind", "Plugin"}, {"name", plugin}};
  if (const auto object = snapshot.get({plugin_resource(), "", plugin})) about["uid"] = object->columns().uid;
  event.about_json = json::serialize(about);
  event.warning = warning;
  event.reason = std::move(reason);
  event.note = std::move(note);
  event.component = "plugin-host";
  return event;
}

EventRecorder::EventRecorder(verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime, base::Metrics& metrics)
    : verbs_(verbs), registry_(registry), runtime_(runtime),
      dropped_(metrics.counter("keelson_events_dropped_total", "Events of plugins that were not recorded because there were too many.")),
      emptied_(runtime.waiter()) {}

// A token bucket for each object and component.
bool EventRecorder::admit(const std::string& source, std::int64_t now_s) {
  if (buckets_.size() > kEventsRememberedMax) buckets_.clear();
  auto [at, fresh] = buckets_.try_emplace(source);
  auto& bucket = at->second;
  if (!fresh) bucket.tokens = std::min<double>(kEventBurst, bucket.tokens + static_cast<double>(now_s - bucket.at_s) / kEventRefill_s);
  bucket.at_s = now_s;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

// True: there are so many messages of this kind that they share one event.
bool EventRecorder::combine(const std::string& similar, const std::string& note, std::int64_t now_s) {
  if (similar_.size() > kEventsRememberedMax) similar_.clear();
  auto& held = similar_[similar];
  if (now_s - held.since_s > kSimilarEvents_s) held.messages.clear();
  held.since_s = now_s;
  const auto hash = std::hash<std::string>{}(note);
  if (std::find(held.messages.begin(), held.messages.end(), hash) != held.messages.end()) return false;
  if (held.messages.size() >= static_cast<std::size_t>(kSimilarEventsMax)) return true;
  held.messages.push_back(hash);
  return false;
}

void EventRecorder::remember(const std::string& key, Known known) {
  while (known_.size() >= kEventsRememberedMax) {
    const auto oldest = std::find_if(ages_.begin(), ages_.end(), [&](const auto& name) { return !known_[name].busy; });
    if (oldest == ages_.end()) break;
    known_.erase(*oldest);
    ages_.erase(oldest);
  }
  ages_.push_back(key);
  known.age = std::prev(ages_.end());
  known_.emplace(key, std::move(known));
}

// The time, as upstream's names have it, but never twice the same.
std::string EventRecorder::next_suffix() {
  last_suffix_ = std::max(last_suffix_ + 1, static_cast<std::uint64_t>(runtime_.unix_ns()));
  return hex(last_suffix_);
}

void EventRecorder::record(EventNote note) {
  boost::system::error_code failed;
  const auto about = base::json_of(note.about_json, failed);
  if (failed || !about.is_object()) return;
  if (note.note.size() > kEventNoteBytesMax) note.note.resize(kEventNoteBytesMax);
  const auto& o = about.get_object();
  const auto object = text(o, "kind") + '\n' + text(o, "namespace") + '\n' + text(o, "name") + '\n' + text(o, "uid") + '\n' + text(o, "fieldPath");
  const auto source = note.component + '\n' + object;
  const auto similar = source + '\n' + (note.warning ? "W" : "N") + '\n' + note.reason;
  const auto now_s = runtime_.unix_s();
  std::string key;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_ || in_flight_ >= kEventsInFlightMax || !admit(source, now_s)) return dropped_.add();
    const bool combined = combine(similar, note.note, now_s);
    key = combined ? similar : similar + '\n' + note.note;
    if (combined) note.note.insert(0, kCombined);
    auto found = known_.find(key);
    if (found == known_.end()) {
      Known known;
      known.ns = text(o, "namespace").empty() ? std::string(kDefaultNamespace) : text(o, "namespace");
      known.name = text(o, "name") + "." + next_suffix();
      known.first_s = now_s;
      remember(key, std::move(known));
      found = known_.find(key);
    } else {
      ages_.splice(ages_.end(), ages_, found->second.age);
    }
    auto& known = found->second;
    known.note = std::move(note);
    known.last_s = now_s;
    ++known.count;
    if (known.busy) return;
    known.busy = true;
    ++in_flight_;
  }
  write(key);
}

void EventRecorder::write(const std::string& key) {
  verbs::Context context;
  verbs::Target target;
  verbs::Body body;
  bool create = false;
  {
    const std::lock_guard lock(mutex_);
    auto& known = known_.at(key);
    create = !known.made;
    context.user = known.note.user;
    context.field_manager = known.note.component;
    target.ns = known.ns;
    target.name = known.name;
    body.bytes = create ? new_event(known.note, known.ns, known.name, known.count, known.first_s, known.last_s)
                        : json::serialize(json::object{{"count", known.count}, {"lastTimestamp", base::rfc3339(known.last_s)}, {"message", known.note.note}});
    known.written = known.count;
  }
  target.kind = registry_.current()->find("", "v1", "events");
  auto done = [this, key, create](base::Outcome<verbs::Written> outcome) { written(key, create, outcome); };
  if (!target.kind) return done(base::no_such_resource());
  if (create) verbs_.create(context, std::move(target), std::move(body), {}, std::move(done));
  else verbs_.patch(context, std::move(target), kinds::PatchType::merge, std::move(body), {}, std::move(done));
}

void EventRecorder::written(const std::string& key, bool create, const base::Outcome<verbs::Written>& outcome) {
  bool again = false;
  if (!outcome && outcome.error().code != 404) base::log_warn("plugins", "event not recorded", {{"error", outcome.error().message}});
  {
    const std::lock_guard lock(mutex_);
    auto& known = known_.at(key);
    if (outcome && create) known.made = true;
    const bool vanished = !outcome && !create && outcome.error().code == 404;   // it had lived its hour: a new one
    if (vanished) {
      known.made = false;
      known.count = 1;
      known.first_s = known.last_s;
      known.name.resize(known.name.rfind('.') + 1);
      known.name += next_suffix();
    }
    again = !stopped_ && (vanished || (outcome && known.count > known.written));
    if (!again) {
      known.busy = false;
      --in_flight_;
      if (!outcome && create) {
        ages_.erase(known.age);
        known_.erase(key);
      }
      if (in_flight_ == 0) emptied_->notify();
    }
  }
  if (again) write(key);
}

void EventRecorder::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (in_flight_ == 0) return;
    }
    emptied_->wait_until(base::kForever);
  }
}

}  // namespace keelson::plugins
