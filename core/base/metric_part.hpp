// Parts of counters and histograms that one thread at a time adds to, so that an addition is a load and a store; an addition to the
// whole is a locked operation of the processor, some 20 times as much.
//
// Invariants: a scrape shows the whole and its parts in one; what a part has counted stays when it is gone.
// Threads: additions to one part by one thread at a time, whoever sees to that. Ownership: the registry outlives all parts.
#pragma once
#include <memory>

#include "core/base/metrics.hpp"

namespace keelson::base {

std::unique_ptr<Counter> part_of(Counter& whole);
std::unique_ptr<Histogram> part_of(Histogram& whole);

}  // namespace keelson::base
