#include "core/api/encodings.hpp"

#include <boost/json/monotonic_resource.hpp>

namespace keelson::api {
namespace {

constexpr std::size_t kEntryBytes = 192;   // what an entry costs beside its text

ProtobufRef shared(std::optional<kinds::ProtobufObject> encoded) {
  return encoded ? std::make_shared<const kinds::ProtobufObject>(std::move(*encoded)) : nullptr;
}

// One revision in several forms: revisions stay below 2^40 for longer than any server lives.
store::Revision slot_of(const kinds::Kind& kind, const store::Object& object) { return object.revision() ^ static_cast<store::Revision>(kind.schema_epoch) << 40; }

}  // namespace

ProtobufRef Encodings::protobuf(const kinds::Kind& kind, const store::Object& object) {
  if (auto found = find(slot_of(kind, object))) return found;
  auto encoded = encode(kind, object);
  if (encoded) keep(slot_of(kind, object), encoded);
  return encoded;
}

// What was stored under an older schema is brought up to date first.
ProtobufRef Encodings::encode(const kinds::Kind& kind, const store::Object& object) {
  if (object.columns().schema_epoch == kind.schema_epoch) return protobuf_of(object.body());
  boost::json::monotonic_resource memory;
  const auto value = verbs_.decoded(kind, object, &memory);
  return value ? shared(kinds::to_protobuf(*value)) : nullptr;
}

ProtobufRef Encodings::protobuf_of(std::string_view json_text) { return shared(kinds::json_to_protobuf(json_text)); }

ProtobufRef Encodings::find(store::Revision revision) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(revision);
  if (found == entries_.end()) return nullptr;
  if (!found->second.used) found->second.used = true;   // what many read stays in their caches
  return found->second.encoded;
}

void Encodings::keep(store::Revision revision, const ProtobufRef& encoded) {
  const auto cost = [](const ProtobufRef& each) { return each->bytes.size() + kEntryBytes; };
  const std::lock_guard lock(mutex_);
  if (cost(encoded) > kEncodingBytesMax || entries_.contains(revision)) return;
  while (bytes_ + cost(encoded) > kEncodingBytesMax) {
    const auto eldest = turns_.front();
    turns_.pop_front();
    auto& entry = entries_.at(eldest);
    // One that is still read stays, and the newcomer goes: or whoever reads more than fits, again and again, would find nothing.
    if (std::exchange(entry.used, false)) return turns_.push_back(eldest);
    bytes_ -= cost(entry.encoded);
    entries_.erase(eldest);
  }
  entries_.emplace(revision, Entry{encoded});
  turns_.push_back(revision);
  bytes_ += cost(encoded);
}

}  // namespace keelson::api
