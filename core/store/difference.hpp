// Difference: a text as pieces of another one and what is new in it. Nothing is known of what the texts say: two versions of an object
// share nearly all of it, moved by what was put in or taken out in a few places.
//
// Layout: length of the text, checksum of it (4 bytes), then in turns what is new (length, bytes) and a piece of the base (where: its
// distance from where as much was replaced as was put in; length), all numbers as varints; it ends behind either.
// Invariants: apply_difference(base, what append_difference(base, text) wrote) is text, and any other base is told by the checksum.
// Threads: pure functions. Errors: false.
#pragma once
#include <string>
#include <string_view>

namespace keelson::store {

/// Appends to `out`. False, and `out` as it was: it would take more than `bytes_max`. What is equal is found where as much was put in as taken
/// out before it, and elsewhere if it is long enough to hold an anchor of the base, of which there are some hundred at most: time grows with the
/// texts alone.
bool append_difference(std::string_view base, std::string_view text, std::size_t bytes_max, std::string& out);
/// Appends the text to `out`. False, and `out` as it was: it is not a difference to this base.
bool apply_difference(std::string_view base, std::string_view difference, std::string& out);

}  // namespace keelson::store
