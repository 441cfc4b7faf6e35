// Image references: just enough to know how often an image has to be pulled.
#pragma once
#include <string_view>

namespace keelson::kinds {

/// True when the reference has neither tag nor digest, or the tag `latest`: it may mean another image tomorrow. What is no reference does not.
bool image_may_change(std::string_view reference);

}  // namespace keelson::kinds
