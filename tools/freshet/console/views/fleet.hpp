// Every device: version and how far it lags, state, phase, accuracy, traffic. Sorted by any column.
#pragma once

#include "tools/freshet/console/view.hpp"

#include <memory>

namespace freshet::cli {

std::unique_ptr<view> make_fleet_view();

}  // namespace freshet::cli
