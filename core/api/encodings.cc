#include "core/api/encodings.hpp"

#include <boost/json/monotonic_resource.hpp>

#include "core/base/json_value.hpp"

namespace keelson::api {
namespace {

constexpr std::size_t kEntryBytes = 192;   // what an entry costs beside its text

ProtobufRef encode(const boost::json::value& object) {
  auto encoded = kinds::to_protobuf(object);
  return encoded ? std::make_shared<const kinds::ProtobufObject>(std::move(*encoded)) : nullptr;
}

// One revision in several forms: revisions stay below 2^40 for longer than any server lives.
store::Revision slot_of(const kinds::Kind& kind, const store::Object& object) { return object.revision() ^ static_cast<store::Revision>(kind.schema_epoch) << 40; }

}  // namespace

ProtobufRef Encodings::protobuf(const kinds::Kind& kind, const store::Object& object) {
  if (auto found = find(slot_of(kind, object))) return found;
  boost::json::monotonic_resource memory;
  const auto value = verbs_.decoded(kind, object, &memory);
  if (!value) return nullptr;
  auto encoded = encode(*value);
  if (encoded) keep(slot_of(kind, object), encoded);
  return encoded;
}

ProtobufRef Encodings::protobuf_of(std::string_view json_text) {
  boost::json::monotonic_resource memory;
  boost::system::error_code error;
  const auto value = base::json_of(json_text, error, &memory);
  return error ? nullptr : encode(value);
}

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
  if (cost(encoded) > kEncodingBytesMax || !entries_.emplace(revision, Entry{encoded}).second) return;
  turns_.push_back(revision);
  bytes_ += cost(encoded);
  while (bytes_ > kEncodingBytesMax) {
    const auto eldest = turns_.front();
    turns_.pop_front();
    auto& entry = entries_.at(eldest);
    if (std::exchange(entry.used, false)) {
      turns_.push_back(eldest);
      continue;
    }
    bytes_ -= cost(entry.encoded);
    entries_.erase(eldest);
  }
}

}  // namespace keelson::api
