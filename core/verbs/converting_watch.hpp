// ConvertingWatch: a watch over a definition whose versions a webhook converts. The hub hands out the events as they are stored,
// and they are converted, many at a time, before whoever watches takes them.
//
// Invariants: events keep their order; an event that cannot be converted ends the watch with the webhook's error.
// Threads: as Watch. Ownership: as Watch; a conversion that is under way when the watch ends goes nowhere.
#pragma once
#include <functional>

#include "core/verbs/conversion.hpp"

namespace keelson::verbs {

using OpenWatch = std::function<base::Outcome<std::unique_ptr<watch::Watch>>(watch::WatchRequest, watch::WatchSink&)>;

/// `request` with its encoding for objects of `kind`; `open` opens what is stored.
base::Outcome<std::unique_ptr<watch::Watch>> converting_watch(const Core& core, kinds::KindRef kind, watch::WatchRequest request, watch::WatchSink& sink, const OpenWatch& open);

}  // namespace keelson::verbs
