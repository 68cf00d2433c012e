import { describe, expect, it } from 'vitest';
import { layoutTable, renderTable } from '../../src/ui/table.ts';

const plain = { color: false };

describe('renderTable', () => {
  it('aligns columns, writes their titles in capitals, and shows a dash for an absent value', () => {
    expect(
      renderTable(
        ['name', { title: 'tasks', align: 'right' }, 'status'],
        [
          ['orders-api', 2, 'ACTIVE'],
          ['web', 13, undefined],
        ],
        plain,
      ),
    ).toBe('NAME        TASKS  STATUS\norders-api      2  ACTIVE\nweb            13  -\n');
  });

  it('prints only the titles when there are no rows', () => {
    expect(renderTable(['a', 'b'], [], plain)).toBe('A  B\n');
  });

  it('shortens the columns that allow it until the table fits', () => {
    const table = renderTable(
      [{ title: 'arn', shrink: true }, 'status'],
      [['arn:aws:ecs:eu-west-1:111122223333:service/demo/orders-api', 'ACTIVE']],
      { color: false, width: 30 },
    );
    expect(table).toBe('ARN                     STATUS\narn:aws:ecs:eu-west-1…  ACTIVE\n');
  });

  it('leaves out optional columns, the most optional first, before it shortens any other', () => {
    const columns = ['id', { title: 'engine', dropOrder: 2 }, 'host', { title: 'iam', dropOrder: 1 }];
    const rows = [['orders-db', { text: 'postgres', tone: 'good' as const }, 'orders-db.example', 'yes']];
    const at = (width: number): string => renderTable(columns, rows, { color: false, width });
    expect(at(43)).toContain('orders-db  postgres  orders-db.example  yes\n');
    expect(at(42)).toContain('orders-db  orders-db.example  yes\n');
    expect(at(32)).toContain('orders-db  orders-db.example\n');
  });

  it('stays wider than the screen when no column can be shortened further', () => {
    const table = renderTable(['aaaaaa', 'bbbbbb'], [['123456', '654321']], { color: false, width: 3 });
    expect(table.split('\n')[1]).toBe('123456  654321');
  });

  it('colours cells without changing the alignment', () => {
    const rows = [[{ text: 'RUNNING', tone: 'good' as const }, 'x']];
    const painted = renderTable(['state', 'y'], rows, { color: true });
    expect(painted).toContain('\u001b[32mRUNNING\u001b[39m');
    expect(painted.replace(/\u001b\[\d+m/g, '')).toBe(renderTable(['state', 'y'], rows, plain));
  });

  it('makes control characters visible', () => {
    expect(renderTable(['name'], [['a\u001b[31mb\nc']], plain)).toBe('NAME\na\\x1b[31mb c\n');
  });
});

describe('a table whose rows come later', () => {
  const columns = [{ title: 'name' }, { title: 'cluster' }, { title: 'running' }];
  const layout = (width: number) =>
    layoutTable(columns, [['web', 'a', 1]], { color: false, width, rowsFollow: true });

  it('shows a longer name whole where there is room, and moves the other columns', () => {
    expect(layout(40).line(['orders-api-production', 'prod', 3])).toBe('orders-api-production  prod     3');
  });

  it('shortens only what does not fit', () => {
    const line = layout(30).line(['orders-api-production', 'prod', 3]);
    expect(line.length).toBeLessThanOrEqual(30);
    expect(line).toMatch(/^orders-a\S*… {2}prod/);
  });
});
