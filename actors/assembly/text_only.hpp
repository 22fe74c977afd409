// Settings that make no sense for a student that is a decoder alone: whatever looks at pictures has nothing to look at.
// Pure functions; each error lists all that is wrong, with what would be right.
#pragma once

#include "config/schema/device.hpp"
#include "config/schema/distiller.hpp"
#include "config/schema/uplink_filter.hpp"
#include "kernels/base/result.hpp"

namespace freshet::actors {

/// Of a device with such a student, and of its filter. What ranks and writes visual tokens may be anything: there are none.
result<void> check_text_only(const config::device_settings& device, const config::uplink_filter_settings& filter);
/// Of the distiller that trains it.
result<void> check_text_only(const config::distiller_settings& distiller);

}  // namespace freshet::actors
