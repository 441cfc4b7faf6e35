#include "core/store/not_answering.hpp"

namespace keelson::store {
namespace {

constexpr std::string_view kReason = "ServerTimeout", kTryAgain = " could not be completed at this time, please try again.";

}  // namespace

base::Error not_answering() {
  base::Error error;
  error.code = 500;
  error.reason = kReason;
  error.message = "The operation" + std::string(kTryAgain);
  error.retry_after_s = kNotAnsweringRetry_s;
  return error;
}

base::Error about_operation(base::Error error, std::string_view operation, std::string_view group, std::string_view resource) {
  if (error.reason != kReason || !error.kind.empty()) return error;
  error.message = "The " + std::string(operation) + " operation against " + base::qualified(group, resource) + std::string(kTryAgain);
  error.group = group;
  error.kind = resource;
  error.name = operation;
  return error;
}

}  // namespace keelson::store
