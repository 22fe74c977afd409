// The loop at a glance: roles with what they do, links with rates and queues, accuracy over time beside the frozen
// twin, traffic against its budget, the latest events.
#pragma once

#include "tools/freshet/console/view.hpp"

#include <memory>

namespace freshet::cli {

std::unique_ptr<view> make_overview();

}  // namespace freshet::cli
