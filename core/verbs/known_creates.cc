#include "core/verbs/known_creates.hpp"

#include <algorithm>

#include "core/kinds/edit.hpp"
#include "core/kinds/managed/managed_fields.hpp"

namespace keelson::verbs {
namespace {

using kinds::Form;

constexpr std::size_t kTextBytesMax = 1024;   // a message that is longer may be judged by its length

/// Where in a new object nothing looks at a text beyond its form.
struct FreePlace {
  std::string_view path;
  Form form;
};
struct FreeOfKind {
  std::string_view group, kind;
  std::span<const FreePlace> places;
};
constexpr std::string_view kAnyMember = ".*";
constexpr std::array kOfPods{FreePlace{"metadata.name", Form::label}, FreePlace{"metadata.name", Form::subdomain}, FreePlace{"metadata.labels.*", Form::label}};
constexpr std::array kOfEvents{
    FreePlace{"metadata.name", Form::label},  FreePlace{"metadata.name", Form::subdomain},
    FreePlace{"involvedObject.name", Form::text}, FreePlace{"involvedObject.uid", Form::text},
    FreePlace{"involvedObject.resourceVersion", Form::text}, FreePlace{"message", Form::text},
    FreePlace{"firstTimestamp", Form::time},  FreePlace{"lastTimestamp", Form::time}};
constexpr std::array kFree{FreeOfKind{"", "Pod", kOfPods}, FreeOfKind{"", "Event", kOfEvents}};

std::span<const FreePlace> free_places(const kinds::Kind& kind) {
  const auto found = std::find_if(kFree.begin(), kFree.end(), [&](const FreeOfKind& of) { return of.kind == kind.kind && of.group == kind.group; });
  return found == kFree.end() || !kind.declared_by.empty() || kind.strategy.custom_resource ? std::span<const FreePlace>() : found->places;
}

/// Finds the slots of a body that has been read without a complaint, with what white space its author pleased.
class SlotFinder {
 public:
  SlotFinder(std::string_view body, std::span<const FreePlace> places, kinds::Slots& slots) : body_(body), places_(places), slots_(slots) {}
  bool find() { return members(""); }
  const std::vector<kinds::Hole>& holes() const { return holes_; }

 private:
  bool take(char c) {
    at_ = std::min(body_.find_first_not_of(" \t\r\n", at_), body_.size());
    return at_ < body_.size() && body_[at_] == c ? ++at_, true : false;
  }
  bool members(const std::string& path) {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      if (!take('"')) return false;
      const auto name = string();
      if (!take(':') || !value(path.empty() ? std::string(name) : path + "." + std::string(name))) return false;
    } while (take(','));
    return take('}');
  }
  bool value(const std::string& path) {
    const bool leads_on = std::any_of(places_.begin(), places_.end(), [&](const FreePlace& place) { return place.path.starts_with(path + "."); });
    const bool is_text = take('"');
    if (is_text) return put(path, string());
    if (at_ == body_.size()) return false;
    if (leads_on && body_[at_] == '{') return members(path);
    at_ = kinds::end_of_value(body_, at_);
    return true;
  }
  static bool is_at(const FreePlace& free, std::string_view path) {
    if (!free.path.ends_with(kAnyMember)) return free.path == path;
    return path.starts_with(free.path.substr(0, free.path.size() - 1));
  }
  bool put(std::string_view path, std::string_view text) {
    const auto place = std::find_if(places_.begin(), places_.end(), [&](const FreePlace& free) { return is_at(free, path) && has_form(free.form, text); });
    if (place == places_.end() || text.size() > kTextBytesMax || !slots_.has_room()) return true;
    const auto from = static_cast<std::size_t>(text.data() - body_.data());
    holes_.push_back({from, from + text.size(), slots_.add(place->form, text)});
    return true;
  }
  /// Whose first quote has been taken.
  std::string_view string() {
    const auto from = at_;
    at_ = kinds::end_of_value(body_, from - 1);
    return body_.substr(from, at_ - from - 1);
  }

  const std::string_view body_;
  const std::span<const FreePlace> places_;
  kinds::Slots& slots_;
  std::size_t at_ = 0;
  std::vector<kinds::Hole> holes_;
};

/// What was made of it but for its revision.
bool same_object(const store::Draft& one, const store::Draft& other) {
  const auto &a = one.columns(), &b = other.columns();
  return one.body() == other.body() && a.key == b.key && a.uid == b.uid && a.creation_unix_s == b.creation_unix_s && a.labels == b.labels && a.fields == b.fields;
}

std::string put(const kinds::SlottedText& text, const kinds::Values& values) {
  std::string out;
  text.put(out, values);
  return out;
}

}  // namespace

KnownCreate::KnownCreate(const SentCreate& sent)
    : type_(sent.kind.type), schema_epoch_(sent.kind.schema_epoch), ns_(sent.ns), manager_(sent.manager), validation_(sent.validation) {}

bool KnownCreate::is_of(const SentCreate& sent) const {
  return type_ == sent.kind.type && schema_epoch_ == sent.kind.schema_epoch && validation_ == sent.validation && ns_ == sent.ns && manager_ == sent.manager;
}

bool KnownCreate::take(const SentCreate& sent, kinds::Values& values) const {
  auto body = sent.body;
  const auto meets = [&](std::size_t slot, std::string_view value) { return value.size() <= kTextBytesMax && kinds::meets(forms_, values, slot, value); };
  return sent_.take_front(body, meets) && body.empty();
}

json::value KnownCreate::object(kinds::Values values, const Birth& birth, const json::storage_ptr& memory) const {
  json::value out(json::object_kind, memory);
  auto& metadata = out.get_object().emplace("metadata", metadata_).first->value().get_object();
  metadata["name"] = put(name_, values);
  for (const auto& label : labels_) metadata["labels"].get_object()[columns_.labels[label.place].first.text()] = put(label.value, values);
  metadata["uid"] = birth.uid;
  metadata["creationTimestamp"] = kinds::utc_text(birth.unix_s);
  return out;
}

store::Draft KnownCreate::draft(kinds::Values values, const Birth& birth) const {
  const auto now = kinds::utc_text(birth.unix_s);
  values[kinds::kUid] = birth.uid;
  values[kinds::kNow] = now;
  std::string body;
  const auto slot = before_.size(values);
  body.reserve(slot + behind_.size(values));
  before_.put(body, values);
  behind_.put(body, values);
  auto columns = columns_;
  columns.key.name = put(name_, values);
  columns.uid = birth.uid;
  columns.creation_unix_s = birth.unix_s;
  for (const auto& label : labels_) columns.labels[label.place].second = put(label.value, values);
  columns.fields.reserve(fields_.size());
  for (const auto& field : fields_) columns.fields.push_back(put(field, values));
  return store::Draft(columns, body, slot);
}

bool KnownCreates::may_know(const kinds::Kind& kind) { return !free_places(kind).empty(); }

std::optional<KnownCreate::Met> KnownCreates::find(const SentCreate& sent) {
  const auto held = all();
  for (const auto& known : *held) {
    KnownCreate::Met met{known};
    if (!known->is_of(sent) || !known->take(sent, met.values)) continue;
    note_met(*known);
    return met;
  }
  return std::nullopt;
}

std::shared_ptr<const KnownCreates::All> KnownCreates::all() const {
  const std::lock_guard lock(mutex_);
  return all_;
}

void KnownCreates::note_met(const KnownCreate& known) {
  const std::lock_guard lock(mutex_);
  credit_.earn();
  known.last_met_ = ++met_;
}

bool KnownCreates::is_worth_it() {
  const std::lock_guard lock(mutex_);
  return credit_.spend();
}

void KnownCreates::forget(const KnownCreate& known) {
  const std::lock_guard lock(mutex_);
  auto left = std::make_shared<All>(*all_);
  std::erase_if(*left, [&](const auto& kept) { return kept.get() == &known; });
  all_ = std::move(left);
}

void KnownCreates::keep(std::shared_ptr<const KnownCreate> known) {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<All>(*all_);
  if (next->size() == kCreatesKeptMax) next->erase(std::min_element(next->begin(), next->end(), [](const auto& a, const auto& b) { return a->last_met_ < b->last_met_; }));
  known->last_met_ = ++met_;
  next->push_back(std::move(known));
  all_ = std::move(next);
}

void KnownCreates::remember(const SentCreate& sent, std::shared_ptr<const CreateGrounds> grounds, const store::Draft& made, const Birth& birth, const Rehearse& rehearse) {
  if (sent.body.size() > kCreateBytesMax) return;
  auto slots = kinds::Slots::of_new(birth.uid, kinds::utc_text(birth.unix_s));
  SlotFinder finder(sent.body, free_places(sent.kind), slots);
  if (!finder.find()) return;
  slots.order_times();
  auto rehearsed = rehearse(slots.marked(sent.body, finder.holes()), {slots.all()[kinds::kUid].marker, slots.marked_now_unix_s()});
  if (!rehearsed) return;
  const std::shared_ptr<KnownCreate> known(new KnownCreate(sent));
  known->grounds_ = std::move(grounds);
  known->forms_ = slots.forms();
  known->sent_ = kinds::SlottedText(sent.body, finder.holes());
  known->metadata_ = json::value(rehearsed->metadata, &known->memory_);
  const auto object = std::move(*rehearsed->draft).freeze(0);
  const auto slot = object->revision_offset();
  known->before_ = slots.pattern(object->body().substr(0, slot));
  known->behind_ = slots.pattern(object->body().substr(slot));
  known->name_ = slots.pattern(object->key().name);
  known->columns_ = copy_of(object->columns());
  for (std::size_t i = 0; i < known->columns_.labels.size(); ++i)
    if (auto value = slots.pattern(known->columns_.labels[i].second); value.has_slots()) known->labels_.push_back({i, std::move(value)});
  for (const auto& field : std::exchange(known->columns_.fields, {})) known->fields_.push_back(slots.pattern(field));
  kinds::Values values;
  if (!known->take(sent, values) || !same_object(known->draft(values, birth), made)) return;
  keep(known);
}

}  // namespace keelson::verbs
