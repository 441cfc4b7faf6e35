// What is wrong with a text that is no time, in the words of Go (time.Parse), which clients of Kubernetes know.
//
// Threads: any, stateless. Errors: none; "" when Go takes the text.
#pragma once
#include <string>
#include <string_view>

namespace keelson::kinds {

/// `micro`: of a MicroTime, of which Go wants six digits behind the point.
std::string time_fault(std::string_view text, bool micro);

}  // namespace keelson::kinds
