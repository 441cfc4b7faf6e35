#include <keelson/state.hpp>

namespace keelson {

void throw_exception_from_error(const Error& error, const boost::source_location&) { throw HostFailure(error); }

void Result::ask() const {
  const auto waiting = std::exchange(waiting_, nullptr);
  if (const auto& answer = waiting->answer(); !answer) {
    kind_ = Kind::failed;
    error_ = answer.error();
  }
}

Result invalid(std::string_view field, std::string_view message) {
  Error error;
  error.code = 422;
  error.reason = "Invalid";
  error.message = str(field, ": ", message);
  return Result::terminal(std::move(error));
}

Result failed(std::string_view message) {
  Error error;
  error.reason = "InternalError";
  error.message = message;
  return error;
}

namespace detail {

Result run_guarded(const PluginState& plugin, std::string_view what, const std::function<Result()>& body) {
  try {
    return body();
  } catch (const HostFailure& failure) {
    return failure.error;
  } catch (const std::exception& thrown) {
    return failed(str("plugin ", plugin.name, ", ", what, ": ", thrown.what()));
  } catch (...) {
    return failed(str("plugin ", plugin.name, ", ", what, ": unknown exception"));
  }
}

}  // namespace detail
}  // namespace keelson
