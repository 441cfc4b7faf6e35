// What is wrong with a text that is no JSON, in the words of Go's scanner (encoding/json), which clients of Kubernetes know.
//
// Threads: any, stateless. Errors: none; "" when Go takes the text.
#pragma once
#include <string>
#include <string_view>

namespace keelson::kinds {

std::string json_syntax_fault(std::string_view text);

}  // namespace keelson::kinds
