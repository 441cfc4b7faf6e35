#include "core/api/encodings.hpp"

#include <algorithm>
#include <bit>
#include <boost/json/monotonic_resource.hpp>
#include <utility>

#include "core/base/memory.hpp"

namespace keelson::api {
namespace {

constexpr std::size_t kEntryBytes = 192;   // what an entry costs beside its text
constexpr std::size_t kSlotsMin = 64;
/// So much goes back to the system at once, less is soon needed for something else.
constexpr std::size_t kGiveBackBytes = 8u << 20;

std::size_t cost(const ProtobufRef& encoded) { return encoded->bytes.size() + kEntryBytes; }

ProtobufRef shared(std::optional<kinds::ProtobufObject> encoded) {
  return encoded ? std::make_shared<const kinds::ProtobufObject>(std::move(*encoded)) : nullptr;
}

}  // namespace

Encodings::Encodings(base::Runtime& runtime, verbs::Verbs& verbs) : verbs_(verbs), looks_(runtime, [this] { drop_unused(); }) {}

// One revision in several forms: revisions stay below 2^40 for longer than any server lives.
Encodings::Key Encodings::key_of(const kinds::Kind& kind, const store::Object& object) { return object.revision() ^ static_cast<Key>(kind.schema_epoch) << 40; }

ProtobufRef Encodings::protobuf(const kinds::Kind& kind, const store::Object& object) {
  {
    const std::lock_guard lock(mutex_);
    if (auto found = use(key_of(kind, object))) return found;
  }
  return make(kind, object);
}

void Encodings::find(const kinds::Kind& kind, std::span<const store::ObjectRef> objects, std::vector<ProtobufRef>& out) {
  const auto key = [&kind](const store::ObjectRef& object) { return key_of(kind, *object); };
  for (const auto& object : objects) __builtin_prefetch(object.get());
  const std::lock_guard lock(mutex_);
  if (count_ == 0) return out.resize(out.size() + objects.size());
  for (const auto& object : objects) __builtin_prefetch(&slots_[home(key(object))]);
  for (const auto& object : objects) __builtin_prefetch(slots_[home(key(object))].encoded.get());
  for (const auto& object : objects) out.push_back(use(key(object)));
}

ProtobufRef Encodings::make(const kinds::Kind& kind, const store::Object& object) {
  auto encoded = encode(kind, object);
  if (encoded) keep(key_of(kind, object), encoded);
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

void Encodings::keep(Key key, ProtobufRef encoded) {
  const auto more = cost(encoded);
  const std::lock_guard lock(mutex_);
  if (more > kEncodingBytesMax || (count_ > 0 && slots_[place(key)].encoded)) return;
  while (bytes_ + more > kEncodingBytesMax) {
    auto& looked_at = slots_[hand_];
    if (!looked_at.encoded) {
      hand_ = next(hand_);
    } else if (std::exchange(looked_at.used, false)) {
      // One that is still read stays, and the newcomer goes: or whoever reads more than fits, again and again, would find nothing.
      hand_ = next(hand_);
      return;
    } else {
      take_out(hand_);
    }
  }
  if (count_ == 0) looks_.in_ms(kEncodingsLook_ms);
  if (2 * (count_ + 1) > slots_.size()) resize(std::max(kSlotsMin, 2 * slots_.size()));
  put({key, std::move(encoded)});
}

void Encodings::drop_unused() {
  std::vector<Slot> old;
  std::size_t dropped = 0;
  {
    const std::lock_guard lock(mutex_);
    dropped = bytes_;
    old.swap(slots_);
    const auto used = static_cast<std::size_t>(std::ranges::count_if(old, [](const Slot& slot) { return slot.encoded && slot.used; }));
    count_ = bytes_ = hand_ = 0;
    if (used > 0) slots_.resize(std::max(kSlotsMin, std::bit_ceil(2 * used)));
    for (auto& slot : old)
      if (slot.encoded && slot.used) put({slot.key, std::move(slot.encoded), false});
    dropped -= bytes_;
    if (count_ > 0) looks_.in_ms(kEncodingsLook_ms);
  }
  std::vector<Slot>().swap(old);
  if (dropped >= kGiveBackBytes) base::give_back_memory();
}

std::size_t Encodings::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::size_t Encodings::home(Key key) const {
  static constexpr Key kSpread = 0x9e3779b97f4a7c15;   // the golden ratio: revisions come in rows
  return key * kSpread >> std::countl_zero(slots_.size()) >> 1;
}

std::size_t Encodings::place(Key key) const {
  auto at = home(key);
  while (slots_[at].encoded && slots_[at].key != key) at = next(at);
  return at;
}

ProtobufRef Encodings::use(Key key) {
  if (count_ == 0) return nullptr;
  auto& slot = slots_[place(key)];
  if (!slot.used) slot.used = true;   // what many read stays in their caches
  return slot.encoded;
}

void Encodings::put(Slot slot) {
  ++count_;
  bytes_ += cost(slot.encoded);
  slots_[place(slot.key)] = std::move(slot);
}

// Those behind it that are away from home because of it move up.
void Encodings::take_out(std::size_t at) {
  --count_;
  bytes_ -= cost(slots_[at].encoded);
  for (auto from = next(at); slots_[from].encoded; from = next(from)) {
    const auto mask = slots_.size() - 1;
    if (((from - home(slots_[from].key)) & mask) < ((from - at) & mask)) continue;
    slots_[at] = std::move(slots_[from]);
    at = from;
  }
  slots_[at] = {};
}

void Encodings::resize(std::size_t slots) {
  auto old = std::exchange(slots_, std::vector<Slot>(slots));
  count_ = bytes_ = hand_ = 0;
  for (auto& slot : old)
    if (slot.encoded) put(std::move(slot));
}

}  // namespace keelson::api
