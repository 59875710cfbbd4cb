import { expect, test } from 'vitest'
import { circleOf } from './one-person.ts'

test('a circle holds everyone whose password one person may know, in both directions and over several links', () => {
  const links = [
    { by: 'ann', account: 'bob' },
    { by: 'bob', account: 'cyd' },
    { by: 'dan', account: 'eve' },
  ]
  expect([...circleOf('cyd', links)].toSorted()).toEqual(['ann', 'bob', 'cyd'])
  expect([...circleOf('eve', links)].toSorted()).toEqual(['dan', 'eve'])
  expect([...circleOf('fay', links)]).toEqual(['fay'])
})
