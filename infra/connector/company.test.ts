import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Company } from './company.ts'

const F = 'shadow-update'

test('ok/nobody-waits-while-no-call-is-under-way', () => {
  const company = new Company()
  assert.equal(company.wait(F, 1, 0), 0)
  company.begin(F, 40)
  company.end(F, 40)
  assert.equal(company.wait(F, 1, 0), 0)
})

test('ok/few-wait-for-others-but-not-long', () => {
  const company = new Company()
  company.begin(F, 60)
  assert.equal(company.wait(F, 10, 100), 10)
  assert.equal(company.wait(F, 12, 103), 7)
  assert.equal(company.wait(F, 60, 103), 0, 'as many as the call carries')
  assert.equal(company.wait(F, 12, 110), 0, 'long enough')
  assert.equal(company.wait(F, 12, 900), 0)
  company.begin(F, 12)
  assert.equal(company.wait(F, 10, 901), 10, 'the next ones wait anew; a call carries 36')
})

test('ok/who-comes-alone-waits-for-nobody', () => {
  const company = new Company()
  company.begin(F, 1)
  company.begin(F, 2)
  assert.equal(company.wait(F, 1, 0), 0)
})

test('ok/functions-do-not-wait-for-each-other', () => {
  const company = new Company()
  company.begin(F, 200)
  assert.equal(company.wait('ota-report', 1, 0), 0)
})
