#include "kernels/model/pil_resize.hpp"

#include "kernels/base/check.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace freshet::model {
namespace {

constexpr int channels = 3;
constexpr int fraction_bits = 22;
constexpr double pi = 3.14159265358979323846;

double sinc(double x) {
  if (x == 0) return 1;
  x *= pi;
  return std::sin(x) / x;
}

double weight_at(resample_filter filter, double x) {
  const double at = std::abs(x);
  switch (filter) {
    case resample_filter::box: return x > -0.5 && x <= 0.5 ? 1 : 0;
    case resample_filter::bilinear: return at < 1 ? 1 - at : 0;
    case resample_filter::hamming: return at < 1 ? sinc(at) * (0.54 + 0.46 * std::cos(pi * at)) : 0;
    case resample_filter::bicubic: {
      constexpr double a = -0.5;
      if (at < 1) return ((a + 2) * at - (a + 3)) * at * at + 1;
      return at < 2 ? (((at - 5) * at + 8) * at - 4) * a : 0;
    }
    case resample_filter::lanczos: return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
    case resample_filter::nearest: break;
  }
  return 0;
}

double radius_of(resample_filter filter) {
  switch (filter) {
    case resample_filter::box: return 0.5;
    case resample_filter::bicubic: return 2;
    case resample_filter::lanczos: return 3;
    default: return 1;
  }
}

/// What one output reads: `count` inputs from `first` on, with weights from `weights` on.
struct window {
  std::int64_t first = 0;
  std::int64_t count = 0;
  std::size_t weights = 0;
};

struct windows {
  std::vector<window> of;
  std::vector<std::int32_t> weights;
};

windows windows_of(std::int64_t in, std::int64_t out, resample_filter filter) {
  windows made;
  made.of.reserve(static_cast<std::size_t>(out));
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = radius_of(filter) * stretch;
  const double shrink = 1.0 / stretch;
  std::vector<double> real;
  for (std::int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const std::int64_t first = std::max<std::int64_t>(0, static_cast<std::int64_t>(centre - support + 0.5));
    const std::int64_t end = std::min(in, static_cast<std::int64_t>(centre + support + 0.5));
    real.clear();
    double sum = 0;
    for (std::int64_t x = first; x < end; ++x) {
      real.push_back(weight_at(filter, (static_cast<double>(x) - centre + 0.5) * shrink));
      sum += real.back();
    }
    made.of.push_back({first, end - first, made.weights.size()});
    for (double w : real) {
      if (sum != 0) w /= sum;
      const double fixed = w * (1 << fraction_bits);
      made.weights.push_back(static_cast<std::int32_t>(fixed < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return made;
}

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> fraction_bits, 0, 255));
}

constexpr std::int32_t half = 1 << (fraction_bits - 1);

rgb_picture resize_rows(const rgb_picture& from, std::int64_t width, resample_filter filter) {
  rgb_picture out{from.height, width, std::vector<std::uint8_t>(static_cast<std::size_t>(from.height * width * channels))};
  const windows reads = windows_of(from.width, width, filter);
  std::uint8_t* to = out.rgb.data();
  for (std::int64_t y = 0; y < from.height; ++y) {
    const std::uint8_t* row = from.rgb.data() + y * from.width * channels;
    for (const window& w : reads.of) {
      std::int32_t sum[channels] = {half, half, half};
      const std::uint8_t* at = row + w.first * channels;
      for (std::int64_t i = 0; i < w.count; ++i, at += channels) {
        const std::int32_t weight = reads.weights[w.weights + static_cast<std::size_t>(i)];
        for (int c = 0; c < channels; ++c) sum[c] += at[c] * weight;
      }
      for (const std::int32_t s : sum) *to++ = rounded(s);
    }
  }
  return out;
}

rgb_picture resize_columns(const rgb_picture& from, std::int64_t height, resample_filter filter) {
  const std::int64_t row_bytes = from.width * channels;
  rgb_picture out{height, from.width, std::vector<std::uint8_t>(static_cast<std::size_t>(height * row_bytes))};
  const windows reads = windows_of(from.height, height, filter);
  std::vector<std::int32_t> sum(static_cast<std::size_t>(row_bytes));
  std::uint8_t* to = out.rgb.data();
  for (const window& w : reads.of) {
    std::fill(sum.begin(), sum.end(), half);
    for (std::int64_t i = 0; i < w.count; ++i) {
      const std::int32_t weight = reads.weights[w.weights + static_cast<std::size_t>(i)];
      const std::uint8_t* row = from.rgb.data() + (w.first + i) * row_bytes;
      for (std::size_t x = 0; x < sum.size(); ++x) sum[x] += row[x] * weight;
    }
    for (const std::int32_t s : sum) *to++ = rounded(s);
  }
  return out;
}

/// Which input each output of a side takes; summed up as Pillow does, with its rounding.
std::vector<std::int64_t> nearest_of(std::int64_t in, std::int64_t out) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  std::vector<std::int64_t> taken;
  double at = step * 0.5;
  for (std::int64_t i = 0; i < out; ++i, at += step) taken.push_back(std::min(in - 1, static_cast<std::int64_t>(at)));
  return taken;
}

rgb_picture take_nearest(const rgb_picture& from, std::int64_t height, std::int64_t width) {
  rgb_picture out{height, width, {}};
  out.rgb.reserve(static_cast<std::size_t>(height * width * channels));
  const auto columns = nearest_of(from.width, width);
  for (const std::int64_t y : nearest_of(from.height, height)) {
    for (const std::int64_t x : columns) {
      const std::uint8_t* at = from.rgb.data() + (y * from.width + x) * channels;
      out.rgb.insert(out.rgb.end(), at, at + channels);
    }
  }
  return out;
}

}  // namespace

std::optional<resample_filter> resample_filter_of(std::int64_t number) {
  if (number < 0 || number > 5) return std::nullopt;
  return static_cast<resample_filter>(number);
}

rgb_picture pil_resize(const rgb_picture& from, std::int64_t height, std::int64_t width, resample_filter filter) {
  FRESHET_ENSURE(height > 0 && width > 0 && from.height > 0 && from.width > 0, "pil_resize: an empty picture");
  FRESHET_ENSURE(from.rgb.size() == static_cast<std::size_t>(from.height * from.width * channels),
                 "pil_resize: pixels do not fit the sides");
  if (from.height == height && from.width == width) return from;
  if (filter == resample_filter::nearest) return take_nearest(from, height, width);
  if (from.width == width) return resize_columns(from, height, filter);
  const rgb_picture narrow = resize_rows(from, width, filter);
  return from.height == height ? narrow : resize_columns(narrow, height, filter);
}

}  // namespace freshet::model
