;; SIMD code for src/protocol/simd.ts: masking (RFC 6455 §5.3), and UTF-8 to UTF-16 (RFC 3629).
;;
;; 13 pages of memory:
;;        0  shuffle table of $decode, 256 entries of 16 bytes, written by simd.ts. Entry n has the byte indices that move the
;;           16-bit lanes whose bits are set in n to the front.
;;     4096  buffers, 256 KiB
;;   266240  the scratch region, to the end
(module
  (memory (export "memory") 13 13)

  ;; Constants are globals: V8 loads a global from memory, but rebuilds a v128.const at each use.
  (global $60 v128 (v128.const i32x4 0x60606060 0x60606060 0x60606060 0x60606060))
  (global $70 v128 (v128.const i32x4 0x70707070 0x70707070 0x70707070 0x70707070))
  (global $7f v128 (v128.const i32x4 0x7f7f7f7f 0x7f7f7f7f 0x7f7f7f7f 0x7f7f7f7f))
  (global $80 v128 (v128.const i32x4 0x80808080 0x80808080 0x80808080 0x80808080))
  (global $0f v128 (v128.const i32x4 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f 0x0f0f0f0f))
  (global $c0 v128 (v128.const i32x4 0xc0c0c0c0 0xc0c0c0c0 0xc0c0c0c0 0xc0c0c0c0))
  (global $dc v128 (v128.const i32x4 0xdcdcdcdc 0xdcdcdcdc 0xdcdcdcdc 0xdcdcdcdc))
  (global $f0 v128 (v128.const i32x4 0xf0f0f0f0 0xf0f0f0f0 0xf0f0f0f0 0xf0f0f0f0))
  (global $fc v128 (v128.const i32x4 0xfcfcfcfc 0xfcfcfcfc 0xfcfcfcfc 0xfcfcfcfc))
  (global $d7c0 v128 (v128.const i32x4 0xd7c0d7c0 0xd7c0d7c0 0xd7c0d7c0 0xd7c0d7c0))
  (global $lanes v128 (v128.const i8x16 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15))

  ;; Faults of two adjacent bytes. The three tables are indexed by the upper half of the first byte, the lower half of the first
  ;; byte and the upper half of the second byte. A fault is a bit that all three entries have.
  ;; After J. Keiser, D. Lemire, Validating UTF-8 In Less Than One Instruction Per Byte (2021).
  ;;   01  a lead byte without its continuation
  ;;   02  a continuation without its lead byte
  ;;   04  overlong: three bytes where two are enough
  ;;   08  above U+10FFFF: F4 90 and up, F5 and up
  ;;   10  a surrogate
  ;;   20  overlong: two bytes where one is enough
  ;;   40  above U+10FFFF: F5 80 and up; overlong: four bytes where three are enough
  ;;   80  two continuations: a fault unless the byte before them is the lead of three or four bytes
  (global $firstUpper v128 (v128.const i8x16
    0x02 0x02 0x02 0x02 0x02 0x02 0x02 0x02 0x80 0x80 0x80 0x80 0x21 0x01 0x15 0x49))
  (global $firstLower v128 (v128.const i8x16
    0xe7 0xa3 0x83 0x83 0x8b 0xcb 0xcb 0xcb 0xcb 0xcb 0xcb 0xcb 0xcb 0xdb 0xcb 0xcb))
  (global $secondUpper v128 (v128.const i8x16
    0x01 0x01 0x01 0x01 0x01 0x01 0x01 0x01 0xe6 0xae 0xba 0xba 0x01 0x01 0x01 0x01))

  ;; Masks the bytes from $at to $end in place. Returns 0 if every resulting byte is ASCII.
  (func (export "mask") (param $at i32) (param $end i32) (param $key i32) (result i32)
    (local $keys v128) (local $seen v128) (local $seenBytes i32) (local $byte i32) (local $half i64)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local.set $keys (i32x4.splat (local.get $key)))
    (block $wideDone
      (loop $wide
        (br_if $wideDone (i32.gt_u (i32.add (local.get $at) (i32.const 64)) (local.get $end)))
        (local.set $a (v128.xor (v128.load (local.get $at)) (local.get $keys)))
        (local.set $b (v128.xor (v128.load offset=16 (local.get $at)) (local.get $keys)))
        (local.set $c (v128.xor (v128.load offset=32 (local.get $at)) (local.get $keys)))
        (local.set $d (v128.xor (v128.load offset=48 (local.get $at)) (local.get $keys)))
        (v128.store (local.get $at) (local.get $a))
        (v128.store offset=16 (local.get $at) (local.get $b))
        (v128.store offset=32 (local.get $at) (local.get $c))
        (v128.store offset=48 (local.get $at) (local.get $d))
        (local.set $seen
          (v128.or
            (v128.or (local.get $seen) (v128.or (local.get $a) (local.get $b)))
            (v128.or (local.get $c) (local.get $d))))
        (local.set $at (i32.add (local.get $at) (i32.const 64)))
        (br $wide)))
    (block $vectorsDone
      (loop $vectors
        (br_if $vectorsDone (i32.gt_u (i32.add (local.get $at) (i32.const 16)) (local.get $end)))
        (local.set $a (v128.xor (v128.load (local.get $at)) (local.get $keys)))
        (v128.store (local.get $at) (local.get $a))
        (local.set $seen (v128.or (local.get $seen) (local.get $a)))
        (local.set $at (i32.add (local.get $at) (i32.const 16)))
        (br $vectors)))
    (if (i32.le_u (i32.add (local.get $at) (i32.const 8)) (local.get $end))
      (then
        (local.set $half (i64.xor (i64.load (local.get $at)) (i64x2.extract_lane 0 (local.get $keys))))
        (i64.store (local.get $at) (local.get $half))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))))
    (if (i32.le_u (i32.add (local.get $at) (i32.const 4)) (local.get $end))
      (then
        (local.set $byte (i32.xor (i32.load (local.get $at)) (local.get $key)))
        (i32.store (local.get $at) (local.get $byte))
        (local.set $half (i64.or (local.get $half) (i64.extend_i32_u (local.get $byte))))
        (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (block $bytesDone
      (loop $bytes
        (br_if $bytesDone (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $byte
          (i32.xor (i32.load8_u (local.get $at)) (i32.and (local.get $key) (i32.const 255))))
        (i32.store8 (local.get $at) (local.get $byte))
        (local.set $seenBytes (i32.or (local.get $seenBytes) (local.get $byte)))
        (local.set $key (i32.rotr (local.get $key) (i32.const 8)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $bytes)))
    (i32.or
      (i8x16.bitmask (v128.or (local.get $seen) (i64x2.splat (local.get $half))))
      (i32.and (local.get $seenBytes) (i32.const 128))))

  ;; Copies the bytes from $at to $end to the scratch region. Copies up to 63 bytes more.
  (func (export "stage") (param $at i32) (param $end i32)
    (local $to i32)
    (local.set $to (i32.const 266240))
    (loop $wide
      (v128.store (local.get $to) (v128.load (local.get $at)))
      (v128.store offset=16 (local.get $to) (v128.load offset=16 (local.get $at)))
      (v128.store offset=32 (local.get $to) (v128.load offset=32 (local.get $at)))
      (v128.store offset=48 (local.get $to) (v128.load offset=48 (local.get $at)))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (local.set $to (i32.add (local.get $to) (i32.const 64)))
      (br_if $wide (i32.lt_u (local.get $at) (local.get $end)))))

  ;; Decodes the UTF-8 from $at to $end to UTF-16, or to Latin-1 if that is enough. The result starts two bytes after $to.
  ;; Returns twice the number of units, plus 1 for UTF-16. Returns -1 if $check is not 0 and the bytes are not UTF-8; with $check
  ;; 0 the bytes must be valid. Reads up to 16 bytes after $end and ignores them. Writes up to 64 bytes after the result.
  ;;
  ;; One step takes 16 bytes. The lane of each byte decodes the code point that ends at the byte before it, $back1, because only
  ;; the byte itself shows whether $back1 ends a code point. $low and $high get the unit of every lane as if a code point ended
  ;; there. The units of lanes where one does end are moved to the front, 8 lanes at a time.
  (func (export "decode")
    (param $at i32) (param $end i32) (param $to i32) (param $check i32) (result i32)
    (local $bytes v128) (local $previous v128)
    (local $back1 v128) (local $back2 v128) (local $back3 v128)
    (local $lead v128) (local $third v128) (local $fourth v128)
    (local $low v128) (local $high v128) (local $front v128) (local $rear v128)
    (local $faults v128) (local $wide v128)
    (local $start i32) (local $lastFull i32) (local $left i32) (local $inside i32)
    (local $kept i32) (local $thirds i32) (local $carry i32) (local $half i32)
    ;; Lane 0 of the first block is before the text but still produces a unit.
    (local.set $start (i32.add (local.get $to) (i32.const 2)))
    (local.set $lastFull (i32.sub (local.get $end) (i32.const 16)))
    (local.set $inside (i32.const 0xffff))
    ;; The last block is never full. Bytes after the text read as zeros, so they end the last code point or reveal that it is cut.
    (loop $blocks
      (local.set $bytes (v128.load (local.get $at)))
      (if (i32.gt_u (local.get $at) (local.get $lastFull))
        (then
          (local.set $left (i32.sub (local.get $end) (local.get $at)))
          (local.set $bytes
            (v128.and (local.get $bytes) (i8x16.gt_s (i8x16.splat (local.get $left)) (global.get $lanes))))
          (local.set $inside (i32.sub (i32.shl (i32.const 2) (local.get $left)) (i32.const 1)))))
      (local.set $back1
        (i8x16.shuffle 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 (local.get $previous) (local.get $bytes)))
      (block $next
        ;; ASCII only.
        (if (i32.eqz (i8x16.bitmask (v128.or (local.get $back1) (local.get $bytes))))
          (then
            (v128.store (local.get $to) (i16x8.extend_low_i8x16_u (local.get $back1)))
            (v128.store offset=16 (local.get $to) (i16x8.extend_high_i8x16_u (local.get $back1)))
            (local.set $to
              (i32.add (local.get $to) (i32.shl (i32.popcnt (local.get $inside)) (i32.const 1))))
            (br $next)))
        (local.set $back2
          (i8x16.shuffle 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 (local.get $previous) (local.get $bytes)))
        (local.set $back3
          (i8x16.shuffle 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 (local.get $previous) (local.get $bytes)))
        ;; Bit 7 where $back1 is the third of four bytes: $back3 is F0 or more.
        (local.set $third (i8x16.sub_sat_u (local.get $back3) (global.get $70)))
        (if (local.get $check)
          (then
            (local.set $faults
              (v128.or
                (local.get $faults)
                (v128.xor
                  (v128.and
                    (v128.and
                      (i8x16.swizzle
                        (global.get $firstUpper)
                        (v128.and (i16x8.shr_u (local.get $back1) (i32.const 4)) (global.get $0f)))
                      (i8x16.swizzle (global.get $firstLower) (v128.and (local.get $back1) (global.get $0f))))
                    (i8x16.swizzle
                      (global.get $secondUpper)
                      (v128.and (i16x8.shr_u (local.get $bytes) (i32.const 4)) (global.get $0f))))
                  ;; Two continuations are required here: the byte two back is E0 or more, or the byte three back F0 or more.
                  (v128.and
                    (v128.or (i8x16.sub_sat_u (local.get $back2) (global.get $60)) (local.get $third))
                    (global.get $80)))))))
        ;; A lane produces a unit if $back1 ends a code point. Four bytes produce two units, the first one in the third lane.
        (local.set $thirds (i8x16.bitmask (local.get $third)))
        (local.set $kept
          (i32.or
            (local.get $thirds)
            (i32.and
              (local.get $inside)
              (i32.xor
                (i8x16.bitmask (i8x16.gt_s (global.get $c0) (local.get $bytes)))
                (i32.const -1)))))
        ;; The unit is zzzzyyyy yyxxxxxx: xxxxxx from $back1; yyyyyy from $back2 if $back1 is a continuation; zzzz from $back3 if
        ;; $back2 is a continuation too. As signed bytes, continuations are less than C0.
        (local.set $lead (v128.and (local.get $back2) (i8x16.gt_s (global.get $c0) (local.get $back1))))
        (local.set $low
          (v128.or
            (v128.and (local.get $back1) (global.get $7f))
            (v128.and (i16x8.shl (local.get $lead) (i32.const 6)) (global.get $c0))))
        (local.set $high
          (v128.or
            (v128.and (i16x8.shr_u (local.get $lead) (i32.const 2)) (global.get $0f))
            (v128.and
              (i16x8.shl
                (v128.and (local.get $back3) (i8x16.gt_s (global.get $c0) (local.get $lead)))
                (i32.const 4))
              (global.get $f0))))
        (local.set $wide (v128.or (local.get $wide) (local.get $high)))
        (if (i32.or (local.get $thirds) (local.get $carry))
          (then
            ;; Surrogates. In the lane of the fourth byte the low 10 bits are right; DC00 replaces the others. The lane of the third
            ;; byte has 0wwwzzzz zzyyyyyy: shift out the lowest 4 bits, subtract 10000 >> 10, and add D800.
            (local.set $carry (i32.shr_u (local.get $thirds) (i32.const 15)))
            (local.set $third (i8x16.ge_u (local.get $back3) (global.get $f0)))
            (local.set $fourth
              (i8x16.ge_u
                (i8x16.shuffle 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27
                  (local.get $previous)
                  (local.get $bytes))
                (global.get $f0)))
            (local.set $high
              (v128.or
                (v128.andnot (local.get $high) (v128.and (local.get $fourth) (global.get $fc)))
                (v128.and (local.get $fourth) (global.get $dc))))
            (local.set $front
              (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $low) (local.get $high)))
            (local.set $rear
              (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $low) (local.get $high)))
            (local.set $front
              (v128.bitselect
                (i16x8.add (i16x8.shr_u (local.get $front) (i32.const 4)) (global.get $d7c0))
                (local.get $front)
                (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $third) (local.get $third))))
            (local.set $rear
              (v128.bitselect
                (i16x8.add (i16x8.shr_u (local.get $rear) (i32.const 4)) (global.get $d7c0))
                (local.get $rear)
                (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $third) (local.get $third)))))
          (else
            (local.set $front
              (i8x16.shuffle 0 16 1 17 2 18 3 19 4 20 5 21 6 22 7 23 (local.get $low) (local.get $high)))
            (local.set $rear
              (i8x16.shuffle 8 24 9 25 10 26 11 27 12 28 13 29 14 30 15 31 (local.get $low) (local.get $high)))))
        (local.set $half (i32.and (local.get $kept) (i32.const 0xff)))
        (v128.store
          (local.get $to)
          (i8x16.swizzle (local.get $front) (v128.load (i32.shl (local.get $half) (i32.const 4)))))
        (local.set $to (i32.add (local.get $to) (i32.shl (i32.popcnt (local.get $half)) (i32.const 1))))
        (local.set $half (i32.shr_u (local.get $kept) (i32.const 8)))
        (v128.store
          (local.get $to)
          (i8x16.swizzle (local.get $rear) (v128.load (i32.shl (local.get $half) (i32.const 4)))))
        (local.set $to (i32.add (local.get $to) (i32.shl (i32.popcnt (local.get $half)) (i32.const 1)))))
      (local.set $previous (local.get $bytes))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $blocks (i32.le_u (local.get $at) (local.get $end))))
    (if (v128.any_true (local.get $faults)) (then (return (i32.const -1))))
    (local.set $left (i32.sub (local.get $to) (local.get $start)))
    (if (v128.any_true (local.get $wide)) (then (return (i32.or (local.get $left) (i32.const 1)))))
    ;; Nothing above U+00FF: half the memory for the string.
    (local.set $at (local.get $start))
    (loop $narrow
      (v128.store
        (local.get $start)
        (i8x16.narrow_i16x8_u (v128.load (local.get $at)) (v128.load offset=16 (local.get $at))))
      (local.set $start (i32.add (local.get $start) (i32.const 16)))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))
      (br_if $narrow (i32.lt_u (local.get $at) (local.get $to))))
    (local.get $left)))
