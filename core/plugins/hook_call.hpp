// HookCall: one question to one hook, and its answer, as they cross the border: flat texts, no JSON around them.
//
// Threads: values. Ownership: a question owns its texts, because a worker may still read them when the asker has gone on.
#pragma once
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/store/store.hpp"
#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

struct HookQuestion {
  std::string point;
  std::vector<std::string> fields;
  std::vector<store::ObjectRef> objects;
};

struct HookAnswer {
  keelson_status status = 0;               ///< not 0: it could not answer
  std::string error_json;                  ///< then the Status
  std::int32_t decision = KEELSON_NO_OPINION;
  std::int64_t number = 0;
  std::uint64_t independent = 0;
  std::string text, body;
  std::vector<std::string> warnings;
  std::vector<auth::AddedWrite> writes;
  std::vector<store::Expectation> reads;   ///< what it looked at
  static HookAnswer failed(const base::Error& error);
};

/// What a call that is a hook may do, and what it has read.
struct HookScope {
  bool may_wait = true;                    ///< false: inline
  bool may_write = true;                   ///< false: its writes join the commit that is being decided on
  std::mutex mutex;
  std::vector<store::Expectation> reads;
};

}  // namespace keelson::plugins
