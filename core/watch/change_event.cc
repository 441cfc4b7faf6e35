#include "core/watch/change_event.hpp"

namespace keelson::watch {

std::optional<Seen> seen(const store::Change& change, const Group& group) {
  const bool was = change.previous && group.matches(*change.previous);
  if (change.type == store::ChangeType::deleted) return was ? std::optional<Seen>(Seen{EventType::deleted}) : std::nullopt;
  const bool is = group.matches(*change.object);
  if (was && is) return Seen{EventType::modified};
  if (is) return Seen{EventType::added};
  if (was) return Seen{EventType::deleted, true};
  return std::nullopt;
}

Bytes ChangePrinter::print(const Encoding& encoding, Seen seen) {
  if (seen.previous_state && !restamped_) restamped_ = store::Draft::restamp(*change_.previous, change_.revision);
  return encoding.encode(seen.type, change_.revision, seen.previous_state ? restamped_ : change_.object, false);
}

}  // namespace keelson::watch
